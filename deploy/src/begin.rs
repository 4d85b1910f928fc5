//! From the arguments to a verb under way: the stack is compiled, and the engine of its format is found and told where to look.

use crate::arguments::{Arguments, Place, Verb};
use crate::compile::{Compiled, compile};
use crate::engine::Trouble;
use crate::engine::arm::{self, Arm};
use crate::engine::cfn::{self, Cfn};
use crate::engine::heat::{self, Heat};
use crate::engine::terraform::{self, Terraform};
use crate::engine::wire::Pace;
use crate::life::Life;
use crate::lock::LockFile;
use crate::screen::Screen;
use crate::{Outcome, list, params, report, saved, wrong_call};
use stackc::emit::Format;
use std::time::Duration;

/// Runs what the arguments ask for.
pub async fn run(mut arguments: Arguments) -> Outcome {
    report::VERBOSE.store(arguments.verbose, std::sync::atomic::Ordering::Relaxed);
    if let Err(outcome) = saved::enter(&mut arguments.verb) {
        return outcome;
    }
    let place = arguments.verb.place().clone();
    if let Verb::List { format, .. } = &arguments.verb {
        return list::run(&place, *format, arguments.message_format).await;
    }
    if let (Verb::Outputs { .. }, file) = (&arguments.verb, &place.input.file)
        && file.extension().is_none()
        && !file.exists()
    {
        let name = file.display();
        return wrong_call(format!("there is no file {name}, which would be the stack's: `stackc outputs --name {name}` prints one output"));
    }
    let mut compiled = match compile(&place, arguments.message_format) {
        Ok(compiled) => compiled,
        Err(outcome) => return outcome,
    };
    let screen = Screen::new(arguments.message_format, place.no_input);
    let lock = match LockFile::open(&arguments.verb, &place, &mut compiled, &screen) {
        Ok(lock) => lock,
        Err(outcome) => return outcome,
    };
    if place.template_bucket.is_some() && compiled.target.format != Format::CloudFormation {
        return wrong_call(format!("--template-bucket is for CloudFormation, which takes no large template directly, and not for `{}`", compiled.target.name));
    }
    // Each format has its engine; here is where another joins.
    match compiled.target.format {
        Format::CloudFormation => {
            let engine = cloudformation(&compiled, &place, &screen).await;
            Life::begin(engine, compiled, screen, lock, arguments.verb, &place).await
        }
        Format::Terraform => {
            let engine = terraform(&compiled, &place, &screen);
            Life::begin(engine, compiled, screen, lock, arguments.verb, &place).await
        }
        Format::Arm => {
            let skips = matches!(&arguments.verb, Verb::Deploy { skip, .. } if !skip.is_empty());
            let engine = match skips {
                true => Err(Trouble::Cannot("Azure goes back from nothing that failed, so that there is nothing to --skip".to_owned())),
                false => azure(&compiled, &place, &screen).await,
            };
            Life::begin(engine, compiled, screen, lock, arguments.verb, &place).await
        }
        Format::Heat => {
            let engine = heat(&compiled, &place, &screen).await;
            Life::begin(engine, compiled, screen, lock, arguments.verb, &place).await
        }
    }
}

async fn cloudformation(compiled: &Compiled, place: &Place, screen: &Screen) -> Result<Cfn, Trouble> {
    Cfn::new(for_cloudformation(compiled.name.clone(), place), pace(place), screen.notice()).await
}

/// What CloudFormation's engine is told of a call.
pub fn for_cloudformation(stack: String, place: &Place) -> cfn::Options {
    cfn::Options {
        stack,
        region: place.region.clone(),
        profile: place.profile.clone(),
        endpoint: place.endpoint_url.clone(),
        role: place.role.clone(),
        bucket: place.template_bucket.clone(),
    }
}

async fn azure(compiled: &Compiled, place: &Place, screen: &Screen) -> Result<Arm, Trouble> {
    if place.role.is_some() {
        return Err(Trouble::Cannot("Azure acts as who asks: --role is not for Azure".to_owned()));
    }
    if place.profile.is_some() {
        return Err(Trouble::Cannot(
            "Azure has no profiles: choose who asks with `az login` or AZURE_CLIENT_ID, and the subscription with AZURE_SUBSCRIPTION_ID".to_owned(),
        ));
    }
    let given = |name: &str| std::env::var(params::variable(name)).ok();
    let params = compiled.origins.params.iter().map(|param| (param.name.clone(), param.user_name.clone(), given(&param.user_name))).collect();
    Arm::new(for_azure(compiled.name.clone(), params, place), pace(place), screen.notice()).await
}

/// What Azure's engine is told of a call.
pub fn for_azure(stack: String, params: Vec<(String, String, Option<String>)>, place: &Place) -> arm::Options {
    let (group, region, endpoint) = (place.resource_group.clone(), place.region.clone(), place.endpoint_url.clone());
    arm::Options { stack, group, region, endpoint, params }
}

/// How long to wait for what.
pub fn pace(place: &Place) -> Pace {
    Pace {
        poll: Duration::from_millis(place.poll_ms),
        patience: Duration::from_millis(place.patience_ms),
        answer: Duration::from_millis(place.answer_ms.max(1)),
    }
}

async fn heat(compiled: &Compiled, place: &Place, screen: &Screen) -> Result<Heat, Trouble> {
    if place.role.is_some() {
        return Err(Trouble::Cannot("Heat acts as whoever calls it, and takes no role: name another cloud of clouds.yaml (--profile)".to_owned()));
    }
    Heat::new(for_heat(compiled.name.clone(), place), pace(place), screen.notice()).await
}

/// What Heat's engine is told of a call.
pub fn for_heat(stack: String, place: &Place) -> heat::Options {
    heat::Options { stack, region: place.region.clone(), profile: place.profile.clone(), endpoint: place.endpoint_url.clone() }
}

fn terraform(compiled: &Compiled, place: &Place, screen: &Screen) -> Result<Terraform, Trouble> {
    if place.role.is_some() {
        return Err(Trouble::Cannot("Terraform takes its role from your configuration: give it in a profile (--profile)".to_owned()));
    }
    let given = |name: &str| std::env::var(params::variable(name)).ok();
    // Each provider reads its own.
    let variables = [
        (&place.region, &["AWS_REGION", "OS_REGION_NAME", "GOOGLE_REGION"][..]),
        (&place.profile, &["AWS_PROFILE", "OS_CLOUD"][..]),
        (&place.endpoint_url, &["AWS_ENDPOINT_URL"][..]),
    ];
    let environment = variables.into_iter().flat_map(|(value, names)| names.iter().filter_map(move |name| Some(((*name).to_owned(), value.clone()?))));
    let options = terraform::Options {
        program: place.engine.clone(),
        state: place.state.clone(),
        stack_state: compiled.state.clone(),
        beside: place.input.file.parent().map(Into::into).unwrap_or_default(),
        name: compiled.name.clone(),
        target: compiled.target.name.clone(),
        parts: [&place.input.stage, &place.input.instance].into_iter().flatten().cloned().collect(),
        template: compiled.template.clone(),
        params: compiled.origins.params.iter().map(|param| (param.name.clone(), param.number, given(&param.user_name))).collect(),
        environment: environment.collect(),
        poll: Duration::from_millis(place.poll_ms),
        patience: Duration::from_millis(place.patience_ms),
        lock: Duration::from_millis(place.answer_ms),
    };
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    Terraform::new(options, in_ci, screen.notice())
}
