internal import OpenIDConnect
internal import Policy
internal import Values
internal import Web

/// The providers.
extension Reader {
    func providers() -> [ProviderSettings] {
        if document.providers.isEmpty, !document.isProviderRefused {
            problems.add(
                place("providers"),
                "providers is missing; `providers: {company: {kind: oidc, issuer: …, client_id: …}}`")
        }
        let providers = document.providers.compactMap { name, place in provider(name, place) }
        if providers.count == document.providers.count, !providers.isEmpty,
            !providers.contains(where: \.isForPeople)
        {
            problems.add(place("providers"), "no provider has sign_in: nobody could sign in")
        }
        return providers
    }

    private func provider(_ name: String, _ first: Place) -> ProviderSettings? {
        let path = "providers.\(name)"
        guard KeyTable.isSection(["providers", name]),
            document.entries.keys.contains(where: { $0.hasPrefix(path + ".") })
        else {
            problems.add(first, "\(path) holds nothing; issuer, client_id and client_secret_file are needed")
            return nil
        }
        guard let preset = choice("\(path).kind").flatMap(Preset.of) else { return nil }
        let section = ProviderReader(reader: self, path: path, first: first, preset: preset)
        let hosts = list("\(path).hosts").compactMap { entry -> HostPattern? in
            let pattern = HostPattern(Array(entry.text.utf8))
            if pattern == nil {
                problems.add(entry.place, "\(entry.text) is no host; app.example.com or *.example.com")
            }
            return pattern
        }
        let isForPeople = truth("\(path).sign_in")
        return section.provider(name).map {
            ProviderSettings(provider: $0, hosts: hosts, isForPeople: isForPeople)
        }
    }
}
