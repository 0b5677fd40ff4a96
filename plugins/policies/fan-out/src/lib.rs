//! Pattern: fan-out and fan-in. One question goes to many at once, and the answers become one. It takes as
//! long as the slowest answer, not as long as all together.

use tollgate_sdk::prelude::*;

#[derive(Deserialize)]
struct Customer {
    id: String,
    name: String,
    company: String,
}

#[derive(Deserialize)]
struct Trend {
    change_percent: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
struct Standing {
    customer: String,
    change_percent: f64,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    /// The steepest fall first.
    ranking: Vec<Standing>,
    /// Customers whose usage is not known, and why.
    missing: Vec<String>,
}

/// Ranks customers by how their use of the product changes.
#[policy(grants = ["tool=crm:search_customers", "tool=analytics:get_trend"])]
async fn fan_out(
    /// Which customers: a part of their names, addresses or companies.
    query: String,
    /// How many weeks back.
    #[serde(default = "default_weeks")]
    #[schemars(range(min = 2, max = 12))]
    weeks: u32,
) -> Result<Output> {
    let customers: Vec<Customer> = call_as("crm:search_customers", json!({"query": query, "limit": 20})).await?;

    // Out: all calls are on their way before the first is awaited.
    let trends = join_all(customers.iter().map(|customer| {
        let args = json!({"customer_id": customer.id, "metric": "active_users", "weeks": weeks});
        call_as::<Trend>("analytics:get_trend", args)
    }))
    .await;

    // In.
    let mut output = Output { ranking: Vec::new(), missing: Vec::new() };
    for (Customer { name, company, .. }, trend) in customers.iter().zip(trends) {
        let customer = format!("{name} ({company})");
        match trend {
            Ok(Trend { change_percent: Some(change_percent) }) => {
                output.ranking.push(Standing { customer, change_percent });
            }
            Ok(Trend { change_percent: None }) => output.missing.push(format!("{customer}: too new for a trend")),
            Err(error) => output.missing.push(format!("{customer}: {error}")),
        }
    }
    output.ranking.sort_by(|a, b| a.change_percent.total_cmp(&b.change_percent));
    Ok(output)
}

fn default_weeks() -> u32 {
    8
}
