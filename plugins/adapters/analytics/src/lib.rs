//! The demo's product analytics: how customers use the product, week by week. Sample data; customers have
//! the ids of the `crm` adapter.

use tollgate_sdk::prelude::*;

/// The Mondays of the weeks that there is data for.
const WEEKS: [&str; 12] = [
    "2026-08-31",
    "2026-09-07",
    "2026-09-14",
    "2026-09-21",
    "2026-09-28",
    "2026-10-05",
    "2026-10-12",
    "2026-10-19",
    "2026-10-26",
    "2026-11-02",
    "2026-11-09",
    "2026-11-16",
];

/// Customer, active users and thousands of API calls in each week.
type Usage = (u8, [u32; 12], [u32; 12]);

#[rustfmt::skip]
const USAGE: [Usage; 5] = [
    (1, [24, 25, 25, 24, 23, 22, 20, 19, 17, 15, 12, 9], [410, 432, 425, 418, 390, 371, 344, 310, 265, 214, 160, 118]),
    (2, [161, 163, 160, 166, 168, 167, 170, 171, 174, 173, 176, 177], [2210, 2260, 2240, 2305, 2330, 2360, 2350, 2410, 2450, 2440, 2490, 2520]),
    (3, [11, 11, 12, 12, 11, 12, 12, 12, 11, 12, 12, 11], [640, 655, 690, 720, 735, 760, 790, 815, 840, 860, 690, 610]),
    (4, [0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 5], [0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 9, 14]),
    (5, [52, 51, 53, 54, 52, 53, 53, 52, 54, 53, 52, 53], [980, 975, 990, 1005, 985, 990, 1000, 995, 1010, 1000, 990, 1005]),
];

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Metric {
    ActiveUsers,
    /// In thousands.
    ApiCalls,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Report {
    /// The first and the last week, by their Mondays.
    from: String,
    to: String,
    rows: Vec<Row>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Row {
    week: String,
    #[schemars(extend("format" = "uuid"))]
    customer_id: String,
    active_users: u32,
    /// In thousands.
    api_calls: u32,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Trend {
    metric: Metric,
    direction: Direction,
    /// From the first week to the last; none where the first is zero.
    change_percent: Option<f64>,
    points: Vec<Point>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Rising,
    Flat,
    Falling,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Point {
    week: String,
    value: u32,
}

struct Analytics;

#[adapter]
impl Analytics {
    /// Reports the usage of one customer or of all, one row a customer and week.
    #[tool(read_only, open_world = false)]
    async fn get_report(
        /// How many weeks back.
        #[serde(default = "default_weeks")]
        #[schemars(range(min = 1, max = 12))]
        weeks: usize,
        /// Only this customer.
        #[schemars(extend("format" = "uuid"))]
        customer_id: Option<String>,
    ) -> Result<Report> {
        let usage = match &customer_id {
            Some(id) => vec![find(id)?],
            None => USAGE.to_vec(),
        };
        let period = last(&WEEKS, weeks);
        let rows = usage.iter().flat_map(|(customer, users, calls)| {
            let values = period.iter().zip(last(users, weeks)).zip(last(calls, weeks));
            values.map(|((week, &active_users), &api_calls)| Row {
                week: (*week).into(),
                customer_id: id_of(*customer),
                active_users,
                api_calls,
            })
        });
        let monday = |week: Option<&&str>| week.copied().unwrap_or_default().to_owned();
        Ok(Report { from: monday(period.first()), to: monday(period.last()), rows: rows.collect() })
    }

    /// Tells how a customer's usage develops: week by week, and in one word.
    #[tool(read_only, open_world = false)]
    async fn get_trend(
        #[schemars(extend("format" = "uuid"))] customer_id: String,
        metric: Metric,
        /// How many weeks back.
        #[serde(default = "default_weeks")]
        #[schemars(range(min = 2, max = 12))]
        weeks: usize,
    ) -> Result<Trend> {
        let (_, users, calls) = find(&customer_id)?;
        let values = match metric {
            Metric::ActiveUsers => users,
            Metric::ApiCalls => calls,
        };
        let points = last(&WEEKS, weeks).iter().zip(last(&values, weeks));
        let points: Vec<_> = points.map(|(week, &value)| Point { week: (*week).into(), value }).collect();
        let first = points.first().map_or(0.0, |point| f64::from(point.value));
        let change = points.last().map_or(0.0, |point| f64::from(point.value)) - first;
        // Up to a tenth is noise.
        let direction = match change {
            change if change > first / 10.0 => Direction::Rising,
            change if change < -first / 10.0 => Direction::Falling,
            _ => Direction::Flat,
        };
        let change_percent = (first > 0.0).then(|| (1000.0 * change / first).round() / 10.0);
        Ok(Trend { metric, direction, change_percent, points })
    }
}

fn default_weeks() -> usize {
    8
}

fn find(customer_id: &str) -> Result<Usage> {
    let found = USAGE.into_iter().find(|(customer, ..)| id_of(*customer) == customer_id);
    found.ok_or_else(|| {
        Error::new(format!("no usage of a customer with id {customer_id}; crm:search_customers finds ids"))
    })
}

fn last<T>(values: &[T; 12], count: usize) -> &[T] {
    values.get(values.len().saturating_sub(count)..).unwrap_or_default()
}

/// The id of the customer that stands at this place in the `crm` adapter's list.
fn id_of(number: u8) -> String {
    format!("5f0c1a2e-000{number}-4a7b-9c3d-8e2f6b1d0a0{number}")
}
