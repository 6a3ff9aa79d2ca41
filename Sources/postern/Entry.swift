private import ArgumentParser
private import PosternCommand

@main
struct Entry {
    static func main() {
        PosternCommand.main(PosternCommand.processArguments)
    }
}
