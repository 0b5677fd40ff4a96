//! What components keep.

use clap::{Args as ClapArgs, Subcommand};

/// Who keeps something.
#[derive(Debug, ClapArgs)]
pub(crate) struct Owner {
    /// The component: `policy:NAME`, `server:NAME`, `file:DIGEST`, or `scripts:PRINCIPAL`
    pub(crate) owner: String,
    /// The tenant
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) tenant: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Who keeps how much; or the keys of one, with their sizes
    List {
        /// The component: `policy:NAME`, `server:NAME`, `file:DIGEST`, or `scripts:PRINCIPAL`
        owner: Option<String>,
        /// The tenant; without, the default one for an owner's keys, and every one for the list of owners
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
        /// Print one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
    /// Print the value of a key
    Get {
        #[command(flatten)]
        owner: Owner,
        /// The key
        key: String,
        /// Print one JSON document on stdout: the value with its version
        #[arg(long)]
        json: bool,
    },
    /// Forget everything that a component keeps; asks first
    Clear {
        #[command(flatten)]
        owner: Owner,
        /// Forget without asking
        #[arg(long)]
        yes: bool,
        /// Print one JSON document on stdout
        #[arg(long)]
        json: bool,
    },
}
