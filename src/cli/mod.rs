use std::process::ExitCode;
pub fn run() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let overlay = args.iter().position(|a| a == "--targets").map(|i| {
        let root = std::path::PathBuf::from(&args[i + 1]);
        let mut v = vec![];
        for c in std::fs::read_dir(&root).unwrap().flatten() { for f in std::fs::read_dir(c.path()).into_iter().flatten().flatten() {
            let p = f.path(); let rel = p.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            if rel.ends_with(".kdl") { v.push((rel, std::fs::read_to_string(&p).unwrap())); } } }
        v
    }).unwrap_or_default();
    let mut sources = stackc::source::Sources::default();
    let c = stackc::Compiler::new(overlay);
    let show = |d: &stackc::diag::Diagnostics, sources: &stackc::source::Sources| for x in d.iter() { println!("{}:{:?} {} {} | {} | {:?}", sources.get(x.primary.span.file).map(|s| s.name.clone()).unwrap_or_default(), sources.line_column(x.primary.span), x.code, x.message, x.primary.text, x.help); };
    if args[0] == "rules" {
        let t = c.targets(&mut sources).into_iter().find(|t| t.name == args[1]).unwrap();
        let r = stackc::rules::Rules::open(t, &c.files).unwrap();
        let (_, d) = stackc::rules::check::check(r, &[], true, &c.catalogue, &mut sources);
        show(&d, &sources);
        println!("{} problems", d.len());
        return ExitCode::SUCCESS;
    }
    let text = std::fs::read_to_string(&args[0]).unwrap();
    let file = sources.add(args[0].clone(), text);
    let (model, d) = c.check(file, None, &mut sources);
    show(&d, &sources);
    if d.has_errors() { return ExitCode::from(1); }
    let model = model.unwrap();
    let t = c.targets(&mut sources).into_iter().find(|t| t.name == args[1]).unwrap();
    let (a, d) = c.build(&model, &t, Default::default(), &mut sources);
    show(&d, &sources);
    if let Some(a) = a { print!("{}", a.text); }
    ExitCode::SUCCESS
}
