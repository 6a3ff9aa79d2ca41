/// What a provider does in its own way. Each case has its reason, and one place that knows it.
package enum Oddity: Sendable, CaseIterable {
    /// Google: older tokens carry the issuer without `https://`; its reference says to take both.
    case issuerWithoutScheme
    /// Google: which organisation an account belongs to stands in `hd`; the parameter of that name is only a hint.
    case hostedDomain
    /// Google: groups are in no token; the Cloud Identity API tells a person's own.
    case cloudIdentityGroups
    /// GitHub: e-mail addresses, organisations and teams each have a call of their own.
    case gitHubProfile
    /// GitHub: tokens are taken back by a call of the application's, not by RFC 7009.
    case gitHubRevocation
    /// Facebook: calls carry a proof that the caller knows the app's secret, and the token may be another app's.
    case facebookProfile
    /// Facebook: it puts `#_=_` behind the callback address, and browsers would keep that on our redirect.
    case fragmentAppended
    /// Facebook: an app is taken out of an account by deleting its permissions.
    case facebookRevocation
    /// Microsoft Entra ID: a token with too many groups names none of them, but where to ask.
    case groupOverage
    /// Microsoft Entra ID: the issuer of `common` and its like is a pattern, which the token's `tid` fills in.
    case issuerPerTenant
    /// Keycloak: roles stand in the access token, those of the realm and those of each client.
    case keycloakRoles
    /// Zitadel: roles are the names of an object's members.
    case groupsAreNames
    /// Amazon Cognito, Apple: truth values come as texts in some answers.
    case truthAsText
    /// Amazon Cognito: the end of a session has parameters of its own, and is not published.
    case cognitoLogout
    /// Apple: the client secret is a token that the client signs anew.
    case appleSecret
    /// LinkedIn: the nonce is not repeated in the ID token.
    case noNonce
    /// LinkedIn: a code verifier beside a client secret is an error there.
    case noPKCE
    /// Login.gov: a sign-out that names the ID token is refused.
    case noLogoutHint
    /// Bitbucket: e-mail addresses have a call of their own.
    case bitbucketEmails
    /// Nextcloud: its interface answers only who sends `OCS-APIRequest`, in an envelope.
    case ocsEnvelope
}
