#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_macros)]
use stackc::{
    Compiler,
    emit::Style,
    lock::{Lock, Running, Which},
    source::Sources,
};
#[test]
fn dump() {
    let text = std::fs::read_to_string("/tmp/l/stack.kdl").unwrap();
    let mut lock = Lock::default();
    for name in ["cfn", "tf-aws", "hot", "tf-openstack", "arm", "tf-azure", "tf-google"] {
        let (compiler, mut sources) = (Compiler::default(), Sources::default());
        let file = sources.add("stack.kdl", text.clone());
        let (model, _) = compiler.check(file, None, &mut sources);
        let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == name).unwrap();
        eprintln!("{name}: {:?}", compiler.stateful_types(&target, &mut sources));
        let (built, out) = compiler.build_with_origins(&model.unwrap(), &target, Style::default(), &mut sources);
        let Some((_, origins)) = built else {
            eprintln!("{name}: {:?}", out.iter().filter(|d| d.is_error()).map(|d| &d.message).collect::<Vec<_>>());
            continue;
        };
        lock.put(Running::new(
            Which { stack: "shop".into(), stage: None, instance: None, target: name.into(), place: "here".into() },
            "shop",
            &origins,
            |_, name| Some(format!("id-{name}")),
        ));
    }
    std::fs::write("/tmp/l/stack.lock.kdl", lock.text()).unwrap();
}
