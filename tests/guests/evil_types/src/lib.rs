//! Exports functions that are named like a policy's and typed otherwise.

wit_bindgen::generate!({
    inline: "
        package evil:guest;
        world guest {
            export describe: func() -> string;
            export run: async func(input: u32) -> u32;
        }
    ",
});

struct Exports;

impl Guest for Exports {
    fn describe() -> String {
        "a policy, really".to_owned()
    }

    async fn run(input: u32) -> u32 {
        input
    }
}

export!(Exports);
