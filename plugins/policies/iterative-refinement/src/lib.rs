//! Pattern: iterative refinement. Ask, look at the answer, ask better, until it is good enough. Here, a report
//! is good enough when it is short enough to read.

use tollgate_sdk::prelude::*;

#[derive(Deserialize)]
struct Report {
    rows: Vec<Value>,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    /// The period of the report.
    weeks: usize,
    rows: Vec<Value>,
    /// How many reports it took.
    rounds: u32,
}

/// Gets a usage report of a period as long as possible, up to twelve weeks, with no more rows than wanted.
#[policy(grants = ["tool=analytics:get_report"])]
async fn iterative_refinement(
    #[serde(default = "default_max_rows")]
    #[schemars(range(min = 1))]
    max_rows: usize,
) -> Result<Output> {
    let mut weeks = 12;
    let mut rounds = 0;
    while weeks > 0 {
        rounds += 1;
        progress(f64::from(rounds), None, &format!("a report of {weeks} weeks"));
        let Report { rows } = call_as("analytics:get_report", json!({"weeks": weeks})).await?;
        if rows.len() <= max_rows {
            return Ok(Output { weeks, rows, rounds });
        }
        // Rows grow with the period, so the answer tells how much too long it was. The period gets shorter in
        // each round, so the loop ends.
        weeks = weeks * max_rows / rows.len();
    }
    bail!("the report of a single week has more than {max_rows} rows; allow more")
}

fn default_max_rows() -> usize {
    20
}
