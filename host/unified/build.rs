// Cargo looks at build dependencies only of packages with a build script.
fn main() {}
