//! Imports two interfaces that no host offers: one of a stranger's, one of WASI's.

wit_bindgen::generate!({
    inline: "
        package evil:guest;

        world guest {
            import evil:host/files;
            import wasi:keyvalue/store@0.2.0;
        }

        package evil:host {
            interface files {
                read: func(path: string) -> string;
            }
        }

        package wasi:keyvalue@0.2.0 {
            interface store {
                open: func(name: string) -> u32;
            }
        }
    ",
    world: "evil:guest/guest",
    generate_all,
});

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let bucket = wasi::keyvalue::store::open("passwords");
    Ok(format!("{bucket} {}", evil::host::files::read(&input)))
}
