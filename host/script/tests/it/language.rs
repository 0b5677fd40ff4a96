use std::path::Path;
use tollgate_script::{Language, UnknownLanguage, detect};

#[test]
fn a_language_is_found_by_name_then_extension_then_first_line() {
    use Language::{JavaScript, Python, TypeScript};
    for (hint, path, code, want) in [
        (Some("TS"), Some("x.py"), "", TypeScript),
        (Some("python3"), None, "", Python),
        (None, Some("dir/x.MJS"), "#!/usr/bin/python3", JavaScript),
        (None, Some("x.mts"), "", TypeScript),
        (None, Some("x"), "#!/usr/bin/env -S tollgate exec --lang ts\n", TypeScript),
        (None, None, "#!/usr/bin/env -S tollgate exec --lang=py --json\n", Python),
        (None, None, "\u{feff}#!/usr/bin/env node\r\n1", JavaScript),
        (None, None, "#!/usr/bin/env -S deno run --allow-net", TypeScript),
        (None, None, "#!/usr/bin/env bun", TypeScript),
        (None, None, "#!/usr/bin/env A=b ts-node", TypeScript),
        (None, None, "#! /usr/local/bin/python3.14 -u", Python),
    ] {
        assert_eq!(detect(hint, path.map(Path::new), code), Ok(want), "{hint:?} {path:?} {code:?}");
    }
}

#[test]
fn an_unknown_language_says_what_to_do() {
    for code in ["print(1)", "#!", "#!/bin/sh", "#!/usr/bin/env", "#!/usr/bin/env tollgate exec --lang", "#!pythonic"] {
        assert_eq!(detect(None, Some("x.txt".as_ref()), code), Err(UnknownLanguage::Unclear), "{code}");
    }
    let said = detect(Some("ruby\u{1b}[31m"), Some("x.py".as_ref()), "").unwrap_err().to_string();
    assert_eq!(said, "`ruby[31m` is no language that scripts are written in: use `js`, `ts` or `python`");
    assert!(UnknownLanguage::Unclear.to_string().contains("--lang ts"));
}
