internal import CProcess
internal import FastCGI

extension PosternCommand {
    /// The arguments of this process, without its own name. A web server that starts us by itself may give none but a
    /// socket to listen on: that means `serve`.
    package static var processArguments: [String] {
        let arguments = (0..<process_argument_count()).dropFirst().compactMap { index in
            unsafe process_argument(index).map { unsafe String(cString: $0) }
        }
        return arguments.isEmpty && ListenAddress.handedOver != nil ? ["serve"] : arguments
    }
}
