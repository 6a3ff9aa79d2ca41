internal import Values
internal import Web

/// One Postern for several hosts: people come back from the provider to `public_url`, so the sign-in has to begin
/// there, too, where its cookies are.
extension Gate {
    /// The same sign-in at `public_url`, if this is another of our hosts. `hop` says that the browser comes from such
    /// a one: web servers that give one name to all hosts must not send it round for ever.
    func signInElsewhere(_ request: Request, returningTo target: ReturnURL) -> Response? {
        let hasHopped = request[.queryString].flatMap { Query($0) }?.only("hop") != nil
        guard !hasHopped, let host = request.text(.serverName), host != settings.publicURL.host,
            let absolute = absolute(target, on: host)
        else { return nil }
        let chosen = request.chosenProvider.map { [("provider", $0)] } ?? []
        let query = Query.encode([("rd", absolute.text), ("hop", "1")] + chosen)
        return redirect(to: "\(settings.address(of: .start))?\(query)")
    }

    /// The target as seen from another host; `nil` when that is none of ours.
    private func absolute(_ target: ReturnURL, on host: String) -> ReturnURL? {
        let origin = settings.publicURL.origin
        let scheme = settings.publicURL.isHTTPS ? "https://" : "http://"
        let port = origin.dropFirst(scheme.count + settings.publicURL.host.count)
        let here = "\(scheme)\(host)\(port)"
        guard ReturnURL(here.utf8, allowed: settings.returnTargets) != nil else { return nil }
        guard target.text.utf8.first == UInt8(ascii: "/") else { return target }
        return ReturnURL((here + target.text).utf8, allowed: settings.returnTargets)
    }
}
