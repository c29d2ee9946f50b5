//! What the command says of itself: completions and the manual page.

use crate::args::Shm;
use crate::failure::{Code, Failure};
use crate::out::Out;
use clap::CommandFactory;
use clap_complete::Shell;

pub(crate) fn completions(shell: Shell, out: &mut Out) -> Result<Code, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Shm::command(), "shm", &mut script);
    out.bytes(&script)?;
    Ok(Code::Ok)
}

pub(crate) fn man(command: Option<&str>, out: &mut Out) -> Result<Code, Failure> {
    let mut of = Shm::command();
    of.build(); // gives the subcommands their whole names
    if let Some(name) = command {
        let found = of
            .get_subcommands()
            .find(|command| command.get_name() == name);
        of = found
            .ok_or_else(|| Failure::usage(format!("there is no command `{name}`")))?
            .clone();
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(of).render(&mut page)?;
    out.bytes(&page)?;
    Ok(Code::Ok)
}
