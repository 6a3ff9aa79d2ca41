internal import JOSE
internal import OpenIDConnect
internal import Values
internal import Web

/// Who the client is, and how it shows that.
extension ProviderReader {
    func clientID() -> String? {
        guard let id = text("client_id"), !id.isEmpty else {
            problems.add(first, "\(path).client_id is missing; the provider gave it with the secret")
            return nil
        }
        return id
    }

    var authentication: ClientAuthentication? {
        reader.choice("\(path).client_authentication").flatMap(ClientAuthentication.init(rawValue:))
            ?? preset.clientAuthentication
    }

    func clientSecret() -> Secret? {
        let secret = reader.secret("\(path).client_secret")
        if let secret, secret.exposed.count < 8 {
            let key = isSet("client_secret") ? "client_secret" : "client_secret_file"
            warnings.add(place(key), "\(path).client_secret is shorter than 8 characters; is it whole?")
        }
        return secret
    }

    func addClientKey(to provider: inout Provider) {
        provider.clientKeyName = text("client_key_id")
        let file = text("client_key_file")
        if let file, let pem = reader.secret(inFile: file, place("client_key_file")) {
            provider.clientKey = PrivateKey(pem: pem.exposed)
            if provider.clientKey == nil {
                problems.add(
                    place("client_key_file"), "\(file) holds no PEM key on P-256, P-384, P-521, Ed25519 or of RSA")
            }
        }
        guard let certificate = text("client_certificate_file") else { return }
        guard let file else {
            return problems.add(place("client_certificate_file"), "\(path).client_key_file is missing, too")
        }
        if let pem = reader.contents(of: certificate) {
            if provider.clientKey?.belongs(toCertificate: pem) == false {
                problems.add(
                    place("client_certificate_file"), "\(certificate) is no PEM certificate of the key in \(file)")
            }
        } else {
            problems.add(place("client_certificate_file"), "\(certificate) cannot be read")
        }
        provider.clientCertificate = ClientCertificate(file: certificate, keyFile: file)
    }

    /// Whether there is what the chosen way of showing who we are needs.
    func checkClient(_ provider: Provider) {
        let hasSecret = isSet("client_secret") || isSet("client_secret_file")
        let hasKey = isSet("client_key_file")
        switch provider.clientAuthentication {
        case _ where preset.oddities.contains(.appleSecret):
            if !hasKey || provider.tenant == nil || provider.clientKeyName == nil {
                problems.add(first, "\(path) needs client_key_file, client_key_id and tenant (the team's id)")
            }
            if let key = provider.clientKey, !key.algorithms.contains(.es256) {
                problems.add(place("client_key_file"), "\(path).client_key_file is not the key that Apple gave: P-256")
            }
        case .none? where hasSecret:
            warnings.add(
                place("client_authentication"), "\(path).client_authentication is none: the client secret is not used")
        case .none?: break
        case .keyToken? where !hasKey: problems.add(first, "\(path).client_key_file is missing, for private_key_jwt")
        case .tls? where provider.clientCertificate == nil:
            problems.add(first, "\(path).client_certificate_file and client_key_file are missing, for tls")
        case .keyToken?, .tls?: break
        case nil where hasKey: break
        case _ where !hasSecret:
            problems.add(
                first, "\(path).client_secret_file is missing; for a public client set client_authentication: none")
        default: break
        }
    }

    func caFile() -> String? {
        guard let file = text("ca_file") else { return nil }
        if !reader.isReadable(file) { problems.add(place("ca_file"), "\(file) cannot be read") }
        return file
    }
}
