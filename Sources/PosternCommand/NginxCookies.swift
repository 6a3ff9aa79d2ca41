/// The `map` chain that takes Postern's own cookies out of the Cookie field.
struct NginxCookies: Sendable {
    let names: CookieNames

    /// Runs of our cookies that are taken out; browsers send them side by side, so one or two are usual.
    private static let steps = 8

    var maps: String {
        (1...Self.steps).map(step).joined() + last
    }

    private func step(_ number: Int) -> String {
        """
        map \(source(of: number)) $postern_cookie_\(number) {
            default \(source(of: number));
            "~^(?<postern_before_\(number)>(?:.*;[ \\t]*)?)(?:\(names.pattern)[ \\t]*=[^;]*(?:;[ \\t]*|$))+(?<postern_after_\(number)>.*)$" $postern_before_\(number)$postern_after_\(number);
        }

        """
    }

    /// Takes the separator off the end. Should there be one of ours left, nothing is passed on.
    private var last: String {
        """
        map \(source(of: Self.steps + 1)) $postern_cookie {
            default \(source(of: Self.steps + 1));
            "~(?:^|;)[ \\t]*\(names.pattern)[ \\t]*=" "";
            "~^(?<postern_cookie_whole>.*[^; \\t])[; \\t]+$" $postern_cookie_whole;
        }
        """
    }

    private func source(of step: Int) -> String {
        step == 1 ? "$http_cookie" : "$postern_cookie_\(step - 1)"
    }
}
