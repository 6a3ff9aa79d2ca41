/// A connection that a check thread waits on.
struct Peer {
    enum Phase {
        /// It has never said anything.
        case silent
        /// Its request is coming in pieces.
        case gathering(Gathering)
        /// It was answered and kept.
        case idle
    }

    var phase: Phase
    /// When the phase began, in milliseconds of `uptime`.
    var since: Int64

    func isExpired(at now: Int64, _ patience: Patience, isPressed: Bool) -> Bool {
        let longest =
            switch phase {
            case .silent: isPressed ? patience.pressed : patience.silence
            case .gathering: patience.request
            case .idle: isPressed ? patience.pressed : patience.idle
            }
        return now - since > longest
    }
}

/// The connections of one check thread by their descriptors, which are small numbers.
struct PeerTable {
    private var peers: [Peer?] = []
    private(set) var count = 0

    subscript(_ connection: Int32) -> Peer? {
        get {
            let index = Int(connection)
            return peers.indices.contains(index) ? peers[index] : nil
        }
        set {
            let index = Int(connection)
            if index >= peers.count { peers += Array(repeating: nil, count: index + 64 - peers.count) }
            count += (newValue == nil ? 0 : 1) - (peers[index] == nil ? 0 : 1)
            peers[index] = newValue
        }
    }

    /// The connections of which this holds.
    func connections(where isMeant: (Peer) -> Bool) -> [Int32] {
        peers.indices.compactMap { index in
            peers[index].flatMap { isMeant($0) ? Int32(index) : nil }
        }
    }
}
