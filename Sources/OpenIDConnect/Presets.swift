extension Preset {
    /// Every kind, in the order of the documentation. To add one, add it here and to docs/providers.md.
    package static let all: [Preset] = [
        Preset("oidc", "OpenID Connect"),
        Preset("oauth2", "OAuth2", example: "https://git.example.com") {
            $0.dialect = .oauth2
            $0.scopes = []
        },
        Preset("google", "Google", issuer: "https://accounts.google.com") {
            $0.api = "https://cloudidentity.googleapis.com"
            $0.parameters = [("access_type", "offline")]
            $0.oddities = [.issuerWithoutScheme, .hostedDomain, .cloudIdentityGroups]
        },
        Preset("github", "GitHub", issuer: "https://github.com", example: "https://github.example.com") {
            $0.dialect = .oauth2
            $0.api = "https://api.github.com"
            $0.authorization = "{issuer}/login/oauth/authorize"
            $0.token = "{issuer}/login/oauth/access_token"
            $0.userinfo = "{api}/user"
            $0.scopes = ["user:email", "read:org"]
            $0.mapping = IdentityMapping(subject: "id", username: ["login"])
            $0.clientAuthentication = .post
            $0.oddities = [.gitHubProfile, .gitHubRevocation]
        },
        Preset("facebook", "Facebook", issuer: "https://www.facebook.com") {
            $0.dialect = .oauth2
            $0.api = "https://graph.facebook.com"
            $0.authorization = "{issuer}/{version}/dialog/oauth"
            $0.token = "{api}/{version}/oauth/access_token"
            $0.userinfo = "{api}/{version}/me?fields=id,name,first_name,last_name,email"
            $0.scopes = ["public_profile", "email"]
            $0.mapping = IdentityMapping(subject: "id", username: ["id"], emailVerified: nil)
            $0.clientAuthentication = .post
            $0.oddities = [.facebookProfile, .facebookRevocation, .fragmentAppended]
        },
        Preset("gitlab", "GitLab", issuer: "https://gitlab.com", example: "https://gitlab.example.com") {
            $0.mapping.username = ["preferred_username", "nickname", "email", "sub"]
        },
        // The address in `email` is whatever the tenant's administrator wrote: only `xms_edov` proves it.
        Preset("entra", "Microsoft", issuer: "https://login.microsoftonline.com/{tenant}/v2.0") {
            $0.api = "https://graph.microsoft.com"
            $0.scopes = ["openid", "profile", "email", "offline_access", "User.Read"]
            $0.mapping.emailVerified = "xms_edov"
            $0.oddities = [.groupOverage, .issuerPerTenant, .truthAsText]
        },
        Preset("keycloak", "Keycloak", example: "https://login.example.com/realms/REALM") {
            $0.oddities = [.keycloakRoles]
        },
        Preset("okta", "Okta", example: "https://ORGANISATION.okta.com") {
            $0.scopes = ["openid", "profile", "email", "groups"]
        },
        Preset("auth0", "Auth0", example: "https://TENANT.auth0.com/ (with the slash)"),
        Preset("cognito", "Amazon Cognito", example: "https://cognito-idp.REGION.amazonaws.com/POOL") {
            $0.mapping.username = ["cognito:username", "username", "sub"]
            $0.mapping.groups = "cognito:groups"
            $0.oddities = [.truthAsText, .cognitoLogout]
        },
        Preset("apple", "Apple", issuer: "https://appleid.apple.com") {
            $0.scopes = ["openid", "name", "email"]
            $0.mapping.username = ["email", "sub"]
            $0.clientAuthentication = .post
            $0.responseMode = .formPost
            $0.oddities = [.appleSecret, .truthAsText]
        },
        Preset("linkedin", "LinkedIn", issuer: "https://www.linkedin.com/oauth") {
            $0.mapping.username = ["email", "sub"]
            $0.clientAuthentication = .post
            $0.oddities = [.noNonce, .noPKCE, .truthAsText]
        },
        Preset("gitea", "Gitea", example: "https://gitea.example.com") {
            $0.scopes = ["openid", "profile", "email", "groups"]
        },
        Preset("forgejo", "Forgejo", example: "https://forgejo.example.com") {
            $0.scopes = ["openid", "profile", "email", "groups"]
        },
        Preset("discord", "Discord", issuer: "https://discord.com") {
            $0.dialect = .oauth2
            $0.api = "https://discord.com/api"
            $0.authorization = "{issuer}/oauth2/authorize"
            $0.token = "{api}/oauth2/token"
            $0.userinfo = "{api}/users/@me"
            $0.revocation = "{api}/oauth2/token/revoke"
            $0.scopes = ["identify", "email"]
            $0.mapping = IdentityMapping(subject: "id", username: ["username"], emailVerified: "verified")
        },
        Preset("slack", "Slack", issuer: "https://slack.com") {
            $0.mapping.username = ["email", "sub"]
            $0.clientAuthentication = .post
        },
        Preset("bitbucket", "Bitbucket", issuer: "https://bitbucket.org") {
            $0.dialect = .oauth2
            $0.api = "https://api.bitbucket.org/2.0"
            $0.authorization = "{issuer}/site/oauth2/authorize"
            $0.token = "{issuer}/site/oauth2/access_token"
            $0.userinfo = "{api}/user"
            $0.scopes = ["account", "email"]
            $0.mapping = IdentityMapping(subject: "account_id", username: ["username", "account_id"])
            $0.oddities = [.bitbucketEmails]
        },
        Preset("nextcloud", "Nextcloud", example: "https://cloud.example.com") {
            $0.dialect = .oauth2
            $0.authorization = "{issuer}/index.php/apps/oauth2/authorize"
            $0.token = "{issuer}/index.php/apps/oauth2/api/v1/token"
            $0.userinfo = "{issuer}/ocs/v2.php/cloud/user?format=json"
            $0.scopes = []
            $0.mapping = IdentityMapping(subject: "id", username: ["id"], emailVerified: nil)
            $0.oddities = [.ocsEnvelope]
        },
        Preset("adfs", "ADFS", example: "https://adfs.example.com/adfs") {
            // Only so are claims of one's own in the ID token ("Customize claims to be emitted in id_token").
            $0.scopes = ["openid", "profile", "email", "allatclaims"]
            $0.responseMode = .formPost
            $0.mapping.username = ["upn", "unique_name", "email", "sub"]
            $0.mapping.groups = "group"
        },
        Preset("zitadel", "Zitadel", example: "https://INSTANCE.zitadel.cloud") {
            $0.scopes = ["openid", "profile", "email", "urn:zitadel:iam:org:projects:roles"]
            $0.mapping.groups = "urn:zitadel:iam:org:project:roles"
            $0.oddities = [.groupsAreNames]
        },
        Preset("authentik", "authentik", example: "https://authentik.example.com/application/o/SLUG/ (with the slash)"),
        Preset("authelia", "Authelia", example: "https://auth.example.com") {
            $0.scopes = ["openid", "profile", "email", "groups"]
        },
        Preset("dex", "Dex", example: "https://dex.example.com/dex") {
            $0.scopes = ["openid", "profile", "email", "groups", "offline_access"]
        },
        Preset("lemonldap", "LemonLDAP::NG", example: "https://auth.example.com") {
            $0.scopes = ["openid", "profile", "email", "groups"]
        },
        Preset("login-gov", "Login.gov", issuer: "https://secure.login.gov") {
            $0.scopes = ["openid", "email"]
            $0.mapping.username = ["email", "sub"]
            $0.clientAuthentication = .keyToken
            $0.oddities = [.noLogoutHint]
            $0.parameters = [("acr_values", "urn:acr.login.gov:auth-only")]
        },
    ]
}
