/// What a page says. The reason in full goes to the log; a visitor is told what they can do.
enum Message {
    case notFound
    case badForm
    case notNow
    case signedOut
    case confirmSignOut
    case denied(user: String?)
    case signInLost
    case signInRefused
    case signInDenied
    case signInTooWeak
    case chooseProvider
    case noProvider
    case providerSilent
    case cookieMissing(name: String)
    case sessionUnknown
    case applicationRefuses

    /// Title and paragraphs.
    func text(in language: Language) -> (title: String, paragraphs: [String]) {
        switch language {
        case .english: english
        case .korean: korean
        }
    }

    private var english: (String, [String]) {
        switch self {
        case .notFound: ("Nothing is here", ["This address belongs to the sign-in gate, which has no such page."])
        case .badForm: ("The form did not arrive whole", ["Please go back and try again."])
        case .notNow: ("Not possible just now", ["The gate cannot reach its sessions. Please try again in a moment."])
        case .signedOut: ("You are signed out", ["You can close this window, or sign in again."])
        case .confirmSignOut: ("Sign out?", ["Another page asked to sign you out here. Do you want that?"])
        case .denied(let user?):
            ("You may not see this", ["You are signed in as \(user), and that account has no access to this page."])
        case .denied(nil): ("You may not see this", ["Access to this page is not allowed."])
        case .signInLost:
            (
                "The sign-in could not be finished",
                [
                    "It took too long, was already used, or was begun in another browser.",
                    "If this keeps happening, check that cookies are allowed for this site.",
                ]
            )
        case .signInRefused:
            ("The sign-in was not accepted", ["The answer of the sign-in service did not pass our checks."])
        case .signInDenied: ("You were not signed in", ["The sign-in service says that the sign-in was cancelled."])
        case .signInTooWeak:
            (
                "A stronger sign-in is needed",
                ["This page asks for a stronger or more recent proof of who you are than the sign-in service gave."]
            )
        case .chooseProvider: ("Sign in", ["Choose how you want to sign in."])
        case .noProvider: ("You cannot sign in here", ["No sign-in service is set up for this address."])
        case .providerSilent:
            ("The sign-in service does not answer", ["This is usually over soon. Please try again in a moment."])
        case .cookieMissing(let name):
            (
                "You signed in, but your browser does not show it",
                [
                    "Signing in works, yet the cookie \(name) does not come back to us, so you would go round for ever.",
                    "Check that cookies are allowed for this site, and that its address begins with https://.",
                    "For the operator: public_url must be the address people use, and the web server must hand on "
                        + "the Cookie header.",
                ]
            )
        case .sessionUnknown:
            (
                "You signed in, but the session is not found",
                [
                    "Signing in works, yet the session is unknown a moment later, so you would go round for ever.",
                    "For the operator: do several Posterns run with different session.store or session.key_file?",
                ]
            )
        case .applicationRefuses:
            (
                "You are signed in, but the application asks again",
                [
                    "The gate lets you in, yet you were sent to sign in again and again.",
                    "For the operator: the application itself answers 401 and the web server turns that into a "
                        + "sign-in (proxy_intercept_errors): does it refuse the assertion (audience, issuer, keys)? Or no "
                        + "rule applies to this host.",
                ]
            )
        }
    }

    private var korean: (String, [String]) {
        switch self {
        case .notFound: ("페이지가 없습니다", ["이 주소는 로그인 관문에 속하며, 해당 페이지가 없습니다."])
        case .badForm: ("양식이 온전히 도착하지 않았습니다", ["뒤로 가서 다시 시도해 주세요."])
        case .notNow: ("지금은 할 수 없습니다", ["관문이 세션 저장소에 연결할 수 없습니다. 잠시 후 다시 시도해 주세요."])
        case .signedOut: ("로그아웃되었습니다", ["이 창을 닫거나 다시 로그인할 수 있습니다."])
        case .confirmSignOut: ("로그아웃할까요?", ["다른 페이지가 로그아웃을 요청했습니다. 로그아웃하시겠습니까?"])
        case .denied(let user?):
            ("이 페이지를 볼 수 없습니다", ["\(user) 계정으로 로그인되어 있지만 이 페이지에 대한 권한이 없습니다."])
        case .denied(nil): ("이 페이지를 볼 수 없습니다", ["이 페이지에 대한 접근이 허용되지 않습니다."])
        case .signInLost:
            (
                "로그인을 마칠 수 없습니다",
                [
                    "시간이 너무 오래 걸렸거나, 이미 사용되었거나, 다른 브라우저에서 시작된 로그인입니다.",
                    "계속 반복되면 이 사이트의 쿠키가 허용되어 있는지 확인해 주세요.",
                ]
            )
        case .signInRefused: ("로그인이 받아들여지지 않았습니다", ["로그인 서비스의 응답이 검사를 통과하지 못했습니다."])
        case .signInDenied: ("로그인되지 않았습니다", ["로그인 서비스에서 로그인이 취소되었습니다."])
        case .signInTooWeak:
            ("더 강한 로그인이 필요합니다", ["이 페이지는 로그인 서비스가 제공한 것보다 더 강하거나 더 최근의 본인 확인을 요구합니다."])
        case .chooseProvider: ("로그인", ["로그인 방법을 선택하세요."])
        case .noProvider: ("여기에서는 로그인할 수 없습니다", ["이 주소에 설정된 로그인 서비스가 없습니다."])
        case .providerSilent: ("로그인 서비스가 응답하지 않습니다", ["보통 곧 해결됩니다. 잠시 후 다시 시도해 주세요."])
        case .cookieMissing(let name):
            (
                "로그인했지만 브라우저가 이를 알려 주지 않습니다",
                [
                    "로그인은 되지만 \(name) 쿠키가 돌아오지 않아 끝없이 반복됩니다.",
                    "이 사이트의 쿠키가 허용되어 있는지, 주소가 https://로 시작하는지 확인해 주세요.",
                    "운영자: public_url은 사람들이 쓰는 주소여야 하고, 웹 서버는 Cookie 헤더를 넘겨야 합니다.",
                ]
            )
        case .sessionUnknown:
            (
                "로그인했지만 세션을 찾을 수 없습니다",
                [
                    "로그인은 되지만 잠시 뒤 세션을 찾을 수 없어 끝없이 반복됩니다.",
                    "운영자: 여러 Postern이 서로 다른 session.store나 session.key_file을 쓰고 있습니까?",
                ]
            )
        case .applicationRefuses:
            (
                "로그인되어 있지만 애플리케이션이 다시 묻습니다",
                [
                    "관문은 통과되지만 계속 로그인으로 보내집니다.",
                    "운영자: 애플리케이션 자체가 401로 답하고 웹 서버가 이를 로그인으로 바꿉니다(proxy_intercept_errors). 애플리케이션이 "
                        + "서명된 토큰(audience, issuer, 키)을 거부하는지, 이 호스트에 맞는 규칙이 있는지 확인해 주세요.",
                ]
            )
        }
    }
}

/// What links and buttons say.
enum Words {
    case tryAgain
    case signInAgain
    case signOut

    func text(in language: Language) -> String {
        switch (self, language) {
        case (.tryAgain, .english): "Try again"
        case (.signInAgain, .english): "Sign in"
        case (.signOut, .english): "Sign out"
        case (.tryAgain, .korean): "다시 시도"
        case (.signInAgain, .korean): "로그인"
        case (.signOut, .korean): "로그아웃"
        }
    }
}
