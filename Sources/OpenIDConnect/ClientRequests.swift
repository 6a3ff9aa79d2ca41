internal import HTTPTypes
internal import JOSE
package import Values
internal import Web

extension RelyingParty {
    /// The public half of our key for this provider, as `jwks.json` has it.
    package var publicKey: JSONValue? {
        guard let key = provider.clientKey else { return nil }
        var members = key.publicKey
        members["kid"] = .string(provider.clientKeyID)
        members["use"] = .string("sig")
        return .object(members)
    }
}

/// What the client sends to the provider itself, not by way of the browser.
extension RelyingParty {
    /// A form with proof of who sends it, and, where tokens are bound to a key, of the key.
    func post(
        _ form: [(String, String)], to endpoint: EndpointURL, _ metadata: Metadata, boundTo key: PrivateKey? = nil,
        _ deadline: Int64
    ) throws(SignInFailure) -> ProviderResponse {
        let makeRequest = { () -> ProviderRequest in
            let proof = ClientProof(
                self.provider, metadata, at: endpoint, now: self.clock.now(), identifier: self.random(16))
            let more = proof.parameters.filter { added in !form.contains { $0.0 == added.0 } }
            let fields = [
                HTTPField(name: .accept, value: "application/json"),
                HTTPField(name: .contentType, value: "application/x-www-form-urlencoded"),
            ]
            return ProviderRequest(
                .post, endpoint, fields: fields + proof.fields,
                body: Array(Query.encode(form + more).utf8), caFile: self.provider.caFile,
                clientCertificate: self.provider.clientCertificate, deadline: deadline)
        }
        return try send(boundTo: key, accessToken: nil, makeRequest)
    }

    /// A request with the visitor's access token, in the scheme that its kind demands.
    func get(
        _ endpoint: EndpointURL, _ grant: Grant, accept: String = "application/json", _ deadline: Int64
    ) throws(SignInFailure) -> ProviderResponse {
        try send(boundTo: grant.proofKey, accessToken: grant.accessToken) {
            UserInfo.request(to: endpoint, grant, self.provider, accept: accept, deadline: deadline)
        }
    }

    /// Sends, and once more when the server wants its newest nonce in the proof: then with all of it made anew, because
    /// no assertion may come twice.
    func send(
        boundTo key: PrivateKey?, accessToken: Secret?, _ makeRequest: () -> ProviderRequest
    ) throws(SignInFailure) -> ProviderResponse {
        guard let key else { return try exchange(makeRequest()) }
        for _ in 0..<2 {
            var request = makeRequest()
            let nonce = possession.nonce(for: request.url)
            let proof = possession.proof(
                request, key, accessToken: accessToken, nonce: nonce, now: clock.now(), identifier: random(16))
            request.fields.append(proof)
            let response = try exchange(request)
            guard possession.learn(from: response, of: request, sent: nonce) else { return response }
        }
        throw .providerUnavailable("it wants another DPoP nonce each time")
    }
}
