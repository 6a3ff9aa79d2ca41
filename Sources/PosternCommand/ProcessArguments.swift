internal import CProcess

extension PosternCommand {
    /// The arguments of this process, without its own name.
    package static var processArguments: [String] {
        (0..<process_argument_count()).dropFirst().compactMap { index in
            unsafe process_argument(index).map { unsafe String(cString: $0) }
        }
    }
}
