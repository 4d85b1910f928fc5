//! What a path leads to.

use super::*;

impl Checker<'_, '_> {
    /// What a path leads to, and marks the properties on the way as used.
    pub(super) fn resolve(&mut self, scope: &Scope, path: &Path) -> Typed {
        let Some(head) = path.parts.first() else { return Typed::new(Ty::Any) };
        let item = scope.items.iter().rev().find(|(name, _)| name == head).map(|(_, ty)| ty.clone());
        let rows = scope.rule.tables.iter().find(|table| table.of.is_none() && table.name == *head);
        if let (None, Some(table)) = (&item, rows) {
            self.read.insert((scope.of(), format!("table.{head}")));
            return Typed::new(Ty::Rows(table.rows.iter().all(|(_, value)| matches!(value, Scalar::Integer(_)))));
        }
        let mut current = match (item, head.as_str(), &scope.subject) {
            (Some(ty), ..) => Typed::new(ty),
            (None, "this", Root::Type(_) | Root::Edge { .. }) if path.parts.get(1).is_some_and(|part| !OWN_NAMES.contains(&part.as_str())) => {
                return self.own_output(scope, path);
            }
            (None, "this", Root::Edge { .. }) => Typed::new(Ty::Names(&OWN_NAMES)),
            (None, "this", _) => Typed::new(Ty::Names(&["name"])),
            (None, PREVIOUS, Root::Edge { from, property, .. }) => Typed { optional: true, ..Typed::new(Ty::Block(Rc::clone(from), *property)) },
            (None, "stack", _) => Typed::new(Ty::Names(&["name"])),
            (None, CLOUD, _) => Typed::new(Ty::Cloud),
            (None, "param", _) => {
                let Some(param) = path.parts.get(1).and_then(|name| find_param(&scope.rule.body, name)) else { return self.lost(path, Vec::new()) };
                self.read.insert((scope.of(), format!("param.{}", param.name.text)));
                let optional = param.optional && !self.known.contains(&path.to_string());
                return Typed { optional, ..Typed::deferred(param_type(param)) };
            }
            (None, INCOMING, Root::Type(ty)) => self.incoming(ty, path),
            (None, "from", Root::Edge { from, .. }) => Typed::new(Ty::Resource(Rc::clone(from))),
            (None, "to", Root::Edge { to, .. }) => Typed::new(Ty::Resource(Rc::clone(to))),
            (None, _, Root::Type(ty)) => match self.property(ty, &ty.properties, "", head) {
                Some(typed) => typed,
                None => return self.lost(path, property_names(&ty.properties)),
            },
            (None, _, Root::Edge { from, property, .. }) => match from.properties.get(*property).map(|property| (property.name.clone(), &property.kind)) {
                Some((name, Kind::Block(block))) => match self.property(from, &block.fields, &name, head) {
                    Some(typed) => typed,
                    None => return self.lost(path, property_names(&block.fields)),
                },
                _ => return Typed::new(Ty::Any),
            },
            (None, _, Root::Cloud) => return self.lost(path, Vec::new()),
        };
        if self.known.contains(head) {
            current.optional = false;
        }
        // `incoming.route` is one thing.
        let taken = if matches!(current.ty, Ty::Blocks(..)) && head == INCOMING { 2 } else { 1 };
        let mut so_far = path.parts.get(..taken).unwrap_or_default().join(".");
        for part in path.parts.iter().skip(taken) {
            so_far = format!("{so_far}.{part}");
            let optional = current.optional;
            if let (Some(name), Ty::Text(_)) = (part.strip_prefix(FROM), &current.ty) {
                let Some(ty) = self.catalogue.get(name, self.sources) else { return self.lost(path, Vec::new()) };
                current = Typed { optional: !self.known.contains(&so_far), ..Typed::new(Ty::Resource(ty)) };
                continue;
            }
            if let (ELSEWHERE, Ty::Text(_)) = (part.as_str(), &current.ty) {
                current = Typed { optional: !self.known.contains(&so_far), ..Typed::new(Ty::Text(None)) };
                continue;
            }
            let Some(next) = self.step(&current.ty, part) else { return self.lost(path, Vec::new()) };
            current = Typed { optional: next.optional || optional, ..next };
            if self.known.contains(&so_far) {
                current.optional = false;
            }
        }
        current
    }

    /// An output of the rule itself: `this.OUTPUT`.
    fn own_output(&mut self, scope: &Scope, path: &Path) -> Typed {
        let name = path.parts.get(1).map(String::as_str).unwrap_or_default();
        let of = scope.of();
        if self.busy.iter().any(|(busy, output)| (busy, output.as_str()) == (&of, name)) {
            self.circle = true;
        }
        let outside = Scope { items: Vec::new(), ..scope.clone() };
        let Some(mut current) = self.output(&of, &outside, name) else { return self.lost(path, Vec::new()) };
        let mut so_far = format!("this.{name}");
        current.optional &= !self.known.contains(&so_far);
        for part in path.parts.iter().skip(2) {
            so_far = format!("{so_far}.{part}");
            let Some(next) = self.step(&current.ty, part) else { return self.lost(path, Vec::new()) };
            current = Typed { optional: (next.optional || current.optional) && !self.known.contains(&so_far), ..next };
        }
        current
    }

    /// The edges of one name that lead to a type: `incoming.route`.
    fn incoming(&mut self, ty: &Rc<PortableType>, path: &Path) -> Typed {
        let Some(edge) = path.parts.get(1) else { return self.lost(path, Vec::new()) };
        let (found, known) = self.leading_to(ty, edge);
        match found.as_slice() {
            [(from, index)] => Typed::new(Ty::Blocks(Rc::clone(from), vec![*index])),
            [] => self.lost(path, known),
            _ => {
                self.out.push(diag::spec(path.span, "edges of several types lead here by that name, and their fields may differ"));
                Typed::new(Ty::Any)
            }
        }
    }

    /// The edges of a name that lead to a type, as the type that they start from and their property; and the paths of all that lead there.
    pub(super) fn leading_to(&mut self, ty: &PortableType, edge: &str) -> (Vec<(Rc<PortableType>, usize)>, Vec<String>) {
        let names: Vec<String> = self.catalogue.names().map(str::to_owned).collect();
        let mut found: Vec<(Rc<PortableType>, usize)> = Vec::new();
        let mut known: Vec<String> = Vec::new();
        for from in names.iter().filter_map(|name| self.catalogue.get(name, self.sources)) {
            for (index, property) in from.properties.iter().enumerate().filter(|(_, property)| property.edge().is_some_and(|to| to.to == ty.name)) {
                known.push(format!("{INCOMING}.{}", property.name));
                if property.name == *edge {
                    found.push((Rc::clone(&from), index));
                }
            }
        }
        (found, known)
    }

    pub(super) fn lost(&mut self, path: &Path, known: Vec<String>) -> Typed {
        self.out.push(diag::unknown_path(path.span, &path.to_string(), &known));
        Typed::new(Ty::Any)
    }

    fn step(&mut self, ty: &Ty, part: &str) -> Option<Typed> {
        match ty {
            Ty::Any => Some(Typed::new(Ty::Any)),
            Ty::Names(names) => names.contains(&part).then(|| Typed::new(if part == PLACE { Ty::Integer } else { Ty::Text(None) })),
            Ty::Place => match part {
                "index" | "number" => Some(Typed::new(Ty::Integer)),
                "letter" => Some(Typed::new(Ty::Text(None))),
                _ => None,
            },
            Ty::Row(true) if part == "value" => Some(Typed::new(Ty::Integer)),
            Ty::Row(_) => matches!(part, "key" | "value").then(|| Typed::new(Ty::Text(None))),
            Ty::Entry(secret) => match (part, secret) {
                ("key", _) => Some(Typed::new(Ty::Text(None))),
                ("value", false) => Some(Typed::deferred(Ty::Text(None))),
                ("value", true) => Some(self.secret_reference()),
                _ => None,
            },
            Ty::Cloud => {
                let rule = self.rules.lowering(CLOUD, self.sources)?;
                let scope = Scope { rule: Rc::clone(&rule), subject: Root::Cloud, items: Vec::new() };
                if let Some(typed) = self.output(CLOUD, &scope, part) {
                    return Some(typed);
                }
                let param = find_param(&rule.body, part)?;
                self.read.insert((CLOUD.to_owned(), format!("param.{part}")));
                Some(Typed::deferred(param_type(param)))
            }
            Ty::Resource(ty) => {
                let ty = Rc::clone(ty);
                if part == "this" {
                    return Some(Typed::new(Ty::Names(&["name"])));
                }
                let given = self.rules.lowering(&ty.name, self.sources).and_then(|rule| {
                    let scope = Scope { rule, subject: Root::Type(Rc::clone(&ty)), items: Vec::new() };
                    self.output(&ty.name, &scope, part)
                });
                let typed = given.or_else(|| self.property(&ty, &ty.properties, "", part))?;
                self.asks(&ty.name, part, &typed);
                Some(typed)
            }
            Ty::Blocks(ty, indices) if part.starts_with(PER) || part.starts_with(WITHOUT) => {
                let field = part.strip_prefix(PER).or_else(|| part.strip_prefix(WITHOUT))?;
                edge_has(ty, *indices.first()?, field).then(|| Typed::new(Ty::Blocks(Rc::clone(ty), indices.clone())))
            }
            Ty::Block(ty, index) if part.starts_with(SAME) => {
                let field = part.strip_prefix(SAME)?;
                edge_has(ty, *index, field).then(|| Typed::new(Ty::Blocks(Rc::clone(ty), vec![*index])))
            }
            Ty::Block(ty, index) => self.block_step(ty, *index, part),
            Ty::Blocks(ty, indices) => {
                // Edges of one name may lead to several types: those whose rule lacks it give nothing.
                let found: Vec<Typed> = indices.iter().filter_map(|index| self.block_step(ty, *index, part)).collect();
                let one = found.into_iter().next()?;
                Some(Typed { ty: Ty::List(Box::new(one.ty)), optional: false, known: one.known })
            }
            Ty::Object(fields) => fields.iter().find(|(name, _)| name == part).map(|(_, typed)| typed.clone()),
            _ => None,
        }
    }

    fn block_step(&mut self, ty: &Rc<PortableType>, index: usize, part: &str) -> Option<Typed> {
        let property = ty.properties.get(index)?;
        let Kind::Block(block) = &property.kind else { return None };
        if let Some(typed) = self.property(ty, &block.fields, &property.name, part) {
            return Some(typed);
        }
        if let Some(edge) = &block.edge {
            let to = self.catalogue.get(&edge.to, self.sources)?;
            if part == "to" {
                return Some(Typed::new(Ty::Resource(to)));
            }
            if part == "from" {
                return Some(Typed::new(Ty::Resource(Rc::clone(ty))));
            }
            let rule = self.rules.edge(&property.name, &ty.name, &edge.to, self.sources)?;
            let scope = Scope { rule, subject: Root::Edge { from: Rc::clone(ty), to, property: index }, items: Vec::new() };
            return self.output(&scope.of(), &scope, part);
        }
        // An output that stands inside of the loop over this block belongs to each of its items.
        let rule = self.rules.lowering(&ty.name, self.sources)?;
        let (expr, name, _) = find_item_output(&rule.body, &property.name, part)?;
        self.read.insert((ty.name.clone(), part.to_owned()));
        // A rule's own loops are its own affair.
        if self.checking != ty.name && self.busy.last().is_none_or(|(of, _)| *of != ty.name) {
            self.asked_items.insert((ty.name.clone(), property.name.clone(), part.to_owned()));
        }
        let scope = Scope { rule: Rc::clone(&rule), subject: Root::Type(Rc::clone(ty)), items: vec![(name.to_owned(), Ty::Block(Rc::clone(ty), index))] };
        let depth = self.known.len();
        self.known.push(name.to_owned());
        let typed = self.infer_quietly(&scope, expr);
        self.known.truncate(depth);
        Some(typed)
    }

    /// The type of a rule's output.
    pub(super) fn output(&mut self, of: &str, scope: &Scope, name: &str) -> Option<Typed> {
        let (expr, conditional) = find_output(&scope.rule.body, name)?;
        let key = (of.to_owned(), name.to_owned());
        self.read.insert(key.clone());
        if self.busy.contains(&key) {
            return Some(Typed::deferred(Ty::Any));
        }
        self.busy.push(key);
        let known = std::mem::take(&mut self.known);
        let mut typed = self.infer_quietly(scope, expr);
        self.known = known;
        self.busy.pop();
        typed.optional |= conditional;
        Some(typed)
    }

    /// What is wrong in another rule is said when that rule is checked.
    fn infer_quietly(&mut self, scope: &Scope, expr: &Expr) -> Typed {
        let outer = std::mem::take(&mut self.out);
        let typed = self.infer(scope, expr);
        self.out = outer;
        typed
    }

    /// What a secret is handed on as: the secret keeper's own output.
    fn secret_reference(&mut self) -> Typed {
        let Some(keeper) = self.catalogue.secret_keeper(self.sources) else { return Typed::new(Ty::Any) };
        let Some(output) = keeper.outputs.iter().find(|output| output.secret).map(|output| output.name.clone()) else { return Typed::new(Ty::Any) };
        self.step(&Ty::Resource(keeper), &output).unwrap_or(Typed::deferred(Ty::Any))
    }

    pub(super) fn property(&mut self, ty: &Rc<PortableType>, fields: &[Property], block: &str, name: &str) -> Option<Typed> {
        let property = fields.iter().find(|property| property.name == name)?;
        let path = if block.is_empty() { name.to_owned() } else { format!("{block}.{name}") };
        self.used.insert((ty.name.clone(), block.to_owned()));
        self.used.insert((ty.name.clone(), path));
        let kind = match &property.kind {
            Kind::String(_) => Ty::Text(None),
            Kind::Integer { .. } => Ty::Integer,
            Kind::Number { .. } => Ty::Number,
            Kind::Bool => Ty::Bool,
            Kind::Enum(values) => Ty::Text(Some(Rc::new(values.iter().map(|(value, _)| value.clone()).collect()))),
            Kind::Ref(types) => types.first().and_then(|ty| self.catalogue.get(ty, self.sources)).map_or(Ty::Any, Ty::Resource),
            Kind::List(_) => Ty::List(Box::new(Ty::Text(None))),
            Kind::Map { secrets } => Ty::Entries(*secrets),
            Kind::Secret => Ty::Secret,
            Kind::Block(of) => {
                let indices: Vec<usize> = ty.properties.iter().enumerate().filter(|(_, other)| other.name == name).map(|(index, _)| index).collect();
                match (of.many, indices.first()) {
                    (true, _) => Ty::Blocks(Rc::clone(ty), indices),
                    (false, Some(index)) => Ty::Block(Rc::clone(ty), *index),
                    (false, None) => Ty::Any,
                }
            }
        };
        let many = matches!(kind, Ty::Blocks(..) | Ty::Entries(_));
        Some(Typed { ty: kind, optional: !property.required && property.default.is_none() && !many, known: property.known_when_building() })
    }
}

/// Whether a property is an edge that has a text of this name.
fn edge_has(ty: &PortableType, index: usize, field: &str) -> bool {
    match ty.properties.get(index).map(|property| &property.kind) {
        Some(Kind::Block(block)) => block.edge.is_some() && block.fields.iter().any(|of| of.name == field && matches!(of.kind, Kind::String(_))),
        _ => false,
    }
}

/// What a rule's parameter is: secret, a number as its default is, or text.
fn param_type(param: &RuleParam) -> Ty {
    match param.default {
        _ if param.secret => Ty::Secret,
        _ if param.list => Ty::List(Box::new(Ty::Text(None))),
        Some(Scalar::Integer(_)) => Ty::Integer,
        Some(Scalar::Float(_)) => Ty::Number,
        _ => Ty::Text(None),
    }
}

pub(super) fn property_names(properties: &[Property]) -> Vec<String> {
    let mut names: Vec<String> = properties.iter().map(|property| property.name.clone()).collect();
    names.dedup();
    names
}
