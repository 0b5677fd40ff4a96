//! The demo's customer database: who the customers are. Sample data; the same people as in the other demo
//! adapters, by id.

use tollgate_sdk::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct Customer {
    #[schemars(extend("format" = "uuid"))]
    id: String,
    name: String,
    email: String,
    company: String,
    status: Status,
    account_manager: String,
    /// Date of the first contract.
    customer_since: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Trial,
    Active,
    PastDue,
    Closed,
}

struct Crm;

#[adapter]
impl Crm {
    /// Finds customers by name, e-mail address or company.
    #[tool(read_only, open_world = false)]
    async fn search_customers(
        /// A part of the name, address or company; case does not matter.
        #[schemars(length(min = 1, max = 100))]
        query: String,
        #[serde(default = "default_limit")]
        #[schemars(range(min = 1, max = 20))]
        limit: usize,
    ) -> Result<Vec<Customer>> {
        let query = query.to_lowercase();
        let matches = |customer: &Customer| {
            [&customer.name, &customer.email, &customer.company].iter().any(|text| text.to_lowercase().contains(&query))
        };
        Ok(customers().into_iter().filter(matches).take(limit).collect())
    }

    /// Gets one customer.
    #[tool(read_only, open_world = false)]
    async fn get_customer(#[schemars(extend("format" = "uuid"))] id: String) -> Result<Customer> {
        find(&id)
    }

    /// Changes fields of a customer and returns the changed record. Members that are left out stay as they
    /// are. Sample data: the change is not kept, a later call sees the old record.
    #[tool(idempotent, open_world = false)]
    async fn update_customer(
        #[schemars(extend("format" = "uuid"))] id: String,
        #[schemars(length(min = 1, max = 100))] name: Option<String>,
        #[schemars(email)] email: Option<String>,
        #[schemars(length(min = 1, max = 100))] company: Option<String>,
        status: Option<Status>,
    ) -> Result<Customer> {
        let old = find(&id)?;
        Ok(Customer {
            name: name.unwrap_or(old.name),
            email: email.unwrap_or(old.email),
            company: company.unwrap_or(old.company),
            status: status.unwrap_or(old.status),
            ..old
        })
    }
}

fn default_limit() -> usize {
    10
}

fn find(id: &str) -> Result<Customer> {
    let found = customers().into_iter().find(|customer| customer.id.eq_ignore_ascii_case(id));
    found.ok_or_else(|| Error::new(format!("no customer with id {id}; search_customers finds ids")))
}

#[rustfmt::skip]
fn customers() -> Vec<Customer> {
    use Status::{Active, Closed, PastDue, Trial};
    [
        ("5f0c1a2e-0001-4a7b-9c3d-8e2f6b1d0a01", "John Smith", "john.smith@acme.com", "Acme", PastDue, "Priya Nair", "2023-11-12"),
        ("5f0c1a2e-0002-4a7b-9c3d-8e2f6b1d0a02", "Maria Garcia", "maria.garcia@globex.example", "Globex", Active, "Priya Nair", "2022-03-01"),
        ("5f0c1a2e-0003-4a7b-9c3d-8e2f6b1d0a03", "Wei Chen", "wei.chen@initech.example", "Initech", Active, "Tom Becker", "2024-06-15"),
        ("5f0c1a2e-0004-4a7b-9c3d-8e2f6b1d0a04", "Amina Okafor", "amina@lakeside-clinic.example", "Lakeside Clinic", Trial, "Tom Becker", "2026-11-02"),
        ("5f0c1a2e-0005-4a7b-9c3d-8e2f6b1d0a05", "Lars Nielsen", "lars.nielsen@nordwind.example", "Nordwind", Active, "Priya Nair", "2021-09-20"),
        ("5f0c1a2e-0006-4a7b-9c3d-8e2f6b1d0a06", "Elena Rossi", "elena@rossi-studio.example", "Rossi Studio", Closed, "Tom Becker", "2023-01-10"),
    ]
    .map(|(id, name, email, company, status, account_manager, customer_since)| Customer {
        id: id.into(),
        name: name.into(),
        email: email.into(),
        company: company.into(),
        status,
        account_manager: account_manager.into(),
        customer_since: customer_since.into(),
    })
    .into()
}
