//! Describes itself with a schema that is no JSON object.

kit::policy!(run, describe);

fn describe() -> kit::Descriptor {
    kit::Descriptor { input_schema: "[]".into(), ..kit::descriptor("evil_describe_text") }
}

async fn run(input: String) -> kit::Output {
    Ok(input)
}
