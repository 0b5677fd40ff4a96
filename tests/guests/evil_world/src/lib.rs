//! A component that is neither a policy nor an adapter.

wit_bindgen::generate!({
    inline: "
        package evil:guest;
        world guest {
            export greet: func(name: string) -> string;
        }
    ",
});

struct Exports;

impl Guest for Exports {
    fn greet(name: String) -> String {
        format!("Hello, {name}!")
    }
}

export!(Exports);
