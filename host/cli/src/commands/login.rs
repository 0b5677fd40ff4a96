//! `tollgate login` and `tollgate logout`.

use crate::args::{Global, Login, Logout};
use crate::exit::{ERROR, Failure};
use crate::print::{self, BOLD, styled};
use crate::setup;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use tokio::io::AsyncBufReadExt as _;
use tollgate::{BoxFuture, Host, LoginError, LoginPrompt, LoginUi};

pub(crate) async fn login(global: &Global, login: Login) -> Result<u8, Failure> {
    let host = host(global).await?;
    let ui = Terminal { opens_browser: !login.no_browser, said: Mutex::default() };
    let result = tokio::select! {
        result = host.login(&login.server, &ui) => result,
        () = setup::interrupted() => {
            print::note("cancelled");
            host.shutdown().await;
            return Ok(130);
        }
    };
    let code = match result {
        Ok(done) => {
            print::note(format_args!("logged in to `{}` at {}", done.server, print::visible(&done.issuer)));
            if !done.scopes.is_empty() {
                print::note(format_args!("granted: {}", print::visible(&done.scopes.join(" "))));
            }
            if !done.renewable {
                print::warn("the login cannot be renewed by itself; log in again when it has expired");
            }
            if let Some(why) = done.not_ready {
                print::warn(format_args!("the server is not ready all the same: {}", print::visible(&why)));
            }
            0
        }
        Err(error) => {
            print::error(&print::visible(&error.to_string()));
            code_of(&error)
        }
    };
    host.shutdown().await;
    Ok(code)
}

pub(crate) async fn logout(global: &Global, logout: Logout) -> Result<u8, Failure> {
    let host = host(global).await?;
    let result = host.logout(&logout.server).await;
    let code = match result {
        Ok(done) if done.forgotten == 0 => {
            print::note(format_args!("nobody was logged in to `{}`", logout.server));
            0
        }
        Ok(done) => {
            let revoked = if done.revoked { ", and the authorization server has ended it" } else { "" };
            print::note(format_args!("the login to `{}` is forgotten{revoked}", logout.server));
            if let Some(why) = done.not_revoked {
                print::warn(format_args!("the authorization server did not end it: {}", print::visible(&why)));
            }
            0
        }
        Err(error) => {
            print::error(&print::visible(&error.to_string()));
            code_of(&error)
        }
    };
    host.shutdown().await;
    Ok(code)
}

async fn host(global: &Global) -> Result<Host, Failure> {
    let config = setup::needed_configuration(global)?;
    Ok(setup::builder(vec![], None)?.config(config).build().await?)
}

fn code_of(error: &LoginError) -> u8 {
    match error {
        LoginError::UnknownServer(_) | LoginError::NotOAuth(_) | LoginError::ByItself(_) => crate::exit::USAGE,
        _ => ERROR,
    }
}

struct Terminal {
    opens_browser: bool,
    said: Mutex<()>,
}

impl LoginUi for Terminal {
    fn show(&self, prompt: &LoginPrompt) {
        let _one_at_a_time = self.said.lock();
        let opened = self.opens_browser && open_browser(&prompt.url);
        print::note(if opened { "Your browser opens this page; log in there:" } else { "Open this page and log in:" });
        print::note(format_args!("\n  {}\n", styled(BOLD, print::visible(&prompt.url))));
        print::note(format_args!(
            "Waiting for {} minutes. If the browser runs on another machine, paste here the address that it ends at ({}…).",
            prompt.timeout.as_secs() / 60,
            print::visible(&prompt.redirect_url)
        ));
    }

    fn pasted(&self) -> BoxFuture<'_, String> {
        Box::pin(async {
            let mut line = String::new();
            match tokio::io::BufReader::new(tokio::io::stdin()).read_line(&mut line).await {
                Ok(read) if read > 0 => line.trim().to_owned(),
                // Nobody is there to paste.
                _ => std::future::pending().await,
            }
        })
    }

    fn not_it(&self, why: &str) {
        print::warn(format_args!("that is not the address of this login: {}", print::visible(why)));
    }
}

/// Has the desktop open a page. Its own output is not ours.
fn open_browser(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened =
        Command::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    opened.is_ok()
}
