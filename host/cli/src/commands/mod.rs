//! One file a command. Each gives its exit code, or a failure that carries one.

mod add;
mod api;
mod approve;
mod ask;
mod bindings;
mod call;
mod check;
mod config;
mod demo;
mod exec;
mod import;
mod interpreters;
mod lock;
mod login;
mod project;
mod run;
mod secrets;
mod serve;
mod servers;
mod state;
mod status;
mod tools;

use crate::args::{Args, Commands};
use crate::exit::Failure;
use crate::print;
use clap::CommandFactory as _;

/// Runs the command that was asked for.
pub(crate) async fn dispatch(args: Args) -> u8 {
    let global = &args.global;
    let (json, is_run) = (args.command.json(), args.command.is_run());
    let result = match args.command {
        Commands::Demo(demo) => demo::demo(demo).await,
        Commands::Run(run) => run::run(global, run).await,
        Commands::Exec(exec) => exec::exec(global, exec).await,
        Commands::Bindings(bindings) => bindings::bindings(global, bindings).await,
        Commands::Interpreters(command) => interpreters::interpreters(command).await,
        Commands::Call(call) => call::call(global, call).await,
        Commands::Tools(tools) => tools::tools(global, tools).await,
        Commands::Servers(servers) => servers::servers(global, servers).await,
        Commands::Status(status) => status::status(global, status).await,
        Commands::Cache(command) => status::cache(global, command).await,
        Commands::Ask(ask) => ask::ask(global, ask).await,
        Commands::Add(add) => add::add(global, add).await,
        Commands::Import(import) => import::run(import),
        Commands::Serve(serve) => serve::serve(global, serve).await,
        Commands::Login(login) => login::login(global, login).await,
        Commands::Logout(logout) => login::logout(global, logout).await,
        Commands::Approve(approve) => approve::approve(global, approve).await,
        Commands::Check(check) => check::check(global, check).await,
        Commands::New(new) => project::new(new),
        Commands::Build(build) => project::build(build).await,
        Commands::Secrets(command) => secrets::secrets(global, command).await,
        Commands::State(command) => state::state(global, command).await,
        Commands::Lock(lock) => lock::lock(global, lock).await,
        Commands::Config(command) => config::config(global, command),
        Commands::Trust(trust) => config::trust(global, trust),
        Commands::Completions(completions) => completions_script(completions.shell),
    };
    result.unwrap_or_else(|failure| {
        if json {
            // Where stdout is what failed, there is nobody to tell.
            drop(print::json(&failure.document(is_run)));
        }
        print::error(&failure.message);
        failure.code
    })
}

fn completions_script(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "tollgate", &mut script);
    print::out(String::from_utf8_lossy(&script).trim_end())?;
    Ok(0)
}
