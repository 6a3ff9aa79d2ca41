// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A target of ours: same settings everywhere, tests beside it under the same name, which may need `tests` besides.
func target(_ name: String, _ dependencies: [Target.Dependency] = [], tests: [Target.Dependency] = []) -> [Target] {
    let tested = [.byName(name: name)] + dependencies + tests
    return [
        .target(name: name, dependencies: dependencies, swiftSettings: settings),
        .testTarget(name: "\(name)Tests", dependencies: tested, swiftSettings: settings),
    ]
}

/// A C library of the system: one header, and a static inline function for each variadic call or macro.
func library(_ name: String, links library: String, _ more: [LinkerSetting] = []) -> [Target] {
    [.target(name: name, linkerSettings: [.linkedLibrary(library)] + more)]
}

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

// Arrows point down only: a target may name those above it in this list, never one below.
let package = Package(
    name: "postern",
    products: [.executable(name: "postern", targets: ["postern"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // libfcgi goes into the binary, and what it would read from a connection comes from us (see CFastCGI.c).
        library("CFastCGI", links: ":libfcgi.a", [.unsafeFlags(["-Xlinker", "--wrap=OS_Read"])]),
        library("CCurl", links: "curl"),
        library("CSQLite", links: "sqlite3"),
        [.target(name: "CProcess")],
        target("Values"),
        target("Web", ["Values", httpTypes]),
        target("JOSE", ["Values", crypto, cryptoExtras]),
        target("Identity", ["Values"]),
        target("OpenIDConnect", ["Values", "Web", "JOSE", "Identity", httpTypes, crypto], tests: ["TestSupport"]),
        target("Sessions", ["Values", "Web", "Identity", crypto], tests: ["TestSupport", httpTypes]),
        target("Policy", ["Values", "Web", "Identity"]),
        target(
            "Gate", ["Values", "Web", "JOSE", "Identity", "OpenIDConnect", "Sessions", "Policy", httpTypes, crypto, logging],
            tests: ["TestSupport"]),
        [.target(name: "Threads", dependencies: ["Values"], swiftSettings: settings)],
        target("FastCGI", ["Values", "Web", "Threads", "CFastCGI", httpTypes, logging]),
        target("Curl", ["Values", "Web", "Threads", "CCurl", httpTypes]),
        target("SQLiteStore", ["Values", "Sessions", "CSQLite"], tests: ["Threads"]),
        target("Configuration", ["Values", "Web", "JOSE", "Identity", "OpenIDConnect", "Policy", httpTypes, yams]),
        target(
            "PosternCommand",
            [
                "Values", "Web", "JOSE", "Identity", "OpenIDConnect", "Sessions", "Policy", "Gate", "FastCGI", "Curl", "Threads",
                "SQLiteStore", "Configuration", "CProcess", argumentParser, logging, httpTypes, crypto,
            ]),
        [
            .target(
                name: "TestSupport", dependencies: ["Values", "Web", crypto], path: "Tests/Support",
                swiftSettings: settings)
        ],
        [.executableTarget(name: "postern", dependencies: ["PosternCommand", argumentParser], swiftSettings: settings)],
        [
            .executableTarget(
                name: "postern-seed", dependencies: ["Values", "Web", "Identity", "Sessions", "SQLiteStore"],
                path: "Tests/Bench/Seed", swiftSettings: settings)
        ],
    ].flatMap { $0 }
)
