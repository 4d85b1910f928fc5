//! What an expression gives.

use super::*;

impl Checker<'_, '_> {
    pub(super) fn infer(&mut self, scope: &Scope, expr: &Expr) -> Typed {
        match &expr.kind {
            ExprKind::Broken => Typed::new(Ty::Any),
            ExprKind::Literal(scalar) => Typed::new(match scalar {
                Scalar::String(text) => Ty::Text(Some(Rc::new(vec![text.clone()]))),
                Scalar::Integer(_) => Ty::Integer,
                Scalar::Float(_) => Ty::Number,
                Scalar::Bool(_) => Ty::Bool,
                Scalar::Null => {
                    self.out.push(diag::spec(expr.span, "a value that is not wanted is left out, never `#null`"));
                    Ty::Any
                }
            }),
            ExprKind::Get(path) => self.resolve(scope, path),
            ExprKind::Ref(role) => self.reference(scope, expr.span, role),
            ExprKind::Attr(role, attribute) => self.attribute(scope, expr.span, role, attribute),
            ExprKind::Table(name) => match scope.rule.tables.iter().find(|table| table.name == *name) {
                Some(table) => {
                    self.read.insert((scope.of(), format!("table.{name}")));
                    self.pairs_met(scope, table, expr.span);
                    let texts: Option<Vec<String>> =
                        table.rows.iter().map(|(_, value)| if let Scalar::String(text) = value { Some(text.clone()) } else { None }).collect();
                    Typed::new(match (texts, table.rows.first().map(|(_, value)| value)) {
                        (Some(texts), _) => Ty::Text(Some(Rc::new(texts))),
                        (None, Some(Scalar::Integer(_))) => Ty::Integer,
                        (None, Some(Scalar::Bool(_))) => Ty::Bool,
                        _ => Ty::Number,
                    })
                }
                None => {
                    let known: Vec<&str> = scope.rule.tables.iter().map(|table| table.name.as_str()).collect();
                    self.out.push(diag::unknown_subject(expr.span, "table", name, &known));
                    Typed::new(Ty::Any)
                }
            },
            ExprKind::Fmt(pieces) => {
                let mut whole = Typed::new(Ty::Text(None));
                for piece in pieces {
                    let typed = self.infer(scope, piece);
                    whole.known &= typed.known;
                    whole.optional |= typed.optional;
                    if matches!(typed.ty, Ty::Secret) {
                        self.out.push(diag::secret_in_rule(piece.span, "a text"));
                    } else if !matches!(typed.ty, Ty::Text(_) | Ty::Integer | Ty::Number | Ty::Bool | Ty::Given(_) | Ty::Any) {
                        self.out.push(diag::spec(piece.span, "only text and numbers can stand in a text"));
                    }
                }
                whole
            }
            ExprKind::List(items) => {
                let inner: Vec<Typed> = items.iter().map(|item| self.infer(scope, item)).collect();
                let known = inner.iter().all(|item| item.known);
                let ty = inner.into_iter().next().map_or(Ty::Any, |first| first.ty);
                Typed { ty: Ty::List(Box::new(ty)), optional: false, known }
            }
            ExprKind::Body(items) if is_list(items) => {
                self.free(scope, items);
                Typed::deferred(Ty::List(Box::new(Ty::Any)))
            }
            ExprKind::Body(items) => {
                let mut fields = Vec::new();
                self.fields(scope, items, false, &mut fields);
                Typed::deferred(Ty::Object(fields))
            }
            ExprKind::Call { name, args, body } => self.call(scope, expr.span, name, args, body),
        }
    }

    /// The fields of an object that a rule puts together. What stands in a form may be absent.
    fn fields(&mut self, scope: &Scope, items: &[Item], maybe: bool, fields: &mut Vec<(String, Typed)>) {
        for item in items {
            match item {
                Item::Property(name, value) => {
                    let typed = self.infer(scope, value);
                    fields.push((name.text.clone(), Typed { optional: typed.optional || maybe, ..typed }));
                }
                Item::Element(value) => {
                    self.infer(scope, value);
                }
                Item::Form(form) => self.inside(scope, form, &mut |checker, scope, body| checker.fields(scope, body, true, fields)),
            }
        }
    }

    fn call(&mut self, scope: &Scope, span: Span, name: &str, args: &[Expr], body: &[Item]) -> Typed {
        let Some(builtin) = builtin::find(name) else {
            let known: Vec<&str> = builtin::ALL.iter().map(|builtin| builtin.name).collect();
            self.out.push(diag::unknown_subject(span, "built-in", name, &known));
            return Typed::new(Ty::Any);
        };
        if !self.rules.target.format.can_say(name) {
            self.out.push(diag::format_cannot(span, &format!("(call){name}"), &self.rules.target.name));
        }
        let least = builtin.takes.len() - usize::from(builtin.variadic);
        if args.len() < least || (!builtin.variadic && args.len() > least) {
            self.out.push(diag::bad_call(
                span,
                name,
                &format!(
                    "it takes {least} argument{}{}, not {}",
                    if least == 1 { "" } else { "s" },
                    if builtin.variadic { " or more" } else { "" },
                    args.len()
                ),
            ));
        }
        if builtin.body {
            self.free(scope, body);
        } else if !body.is_empty() {
            self.out.push(diag::bad_call(span, name, "it takes nothing in braces"));
        }
        if name == "function"
            && let Some(Expr { kind: ExprKind::Literal(Scalar::String(wanted)), span }) = args.first()
        {
            let functions = self.rules.target.format.functions();
            if !functions.contains(&wanted.as_str()) {
                self.out.push(diag::unknown_subject(*span, "function of the format's own", wanted, &functions));
            }
        }
        let mut optional = false;
        let mut items: Vec<Ty> = Vec::new();
        for (index, arg) in args.iter().enumerate() {
            let typed = self.infer(scope, arg);
            let item = item_of(&typed.ty);
            if builtin.gives == Type::Items && matches!(item, Ty::List(_)) {
                self.out.push(diag::bad_call(
                    arg.span,
                    name,
                    "this is a list of lists, and only one level of it would be taken apart: each of its items may be several values",
                ));
            }
            if matches!(typed.ty, Ty::List(_)) || builtin.gives == Type::Items {
                items.push(item);
            }
            let Some((title, wanted)) = builtin.takes.get(index).or(builtin.takes.last()) else { continue };
            // An argument that may come several times may also be absent.
            optional |= typed.optional && !(builtin.variadic && index + 1 >= builtin.takes.len()) && !matches!(wanted, Type::Any);
            let fits = match wanted {
                Type::Any | Type::Item | Type::Items => true,
                Type::Text => matches!(typed.ty, Ty::Text(_) | Ty::Integer | Ty::Given(_) | Ty::Any),
                Type::KnownText => matches!(typed.ty, Ty::Text(_) | Ty::Any) && typed.known,
                Type::KnownNumber => matches!(typed.ty, Ty::Integer | Ty::Number | Ty::Any) && typed.known,
                Type::List => match &typed.ty {
                    Ty::Given(Some(shape)) => matches!(shape, Shape::List(_) | Shape::Block(_, true) | Shape::Json),
                    ty => matches!(ty, Ty::List(_) | Ty::Given(None) | Ty::Any),
                },
            };
            if !fits {
                let why = match wanted {
                    Type::KnownText => format!("`{title}` has to be text that is known when building (in the spec: `build=#true`)"),
                    Type::KnownNumber => format!("`{title}` has to be a number that is known when building (in the spec: `build=#true`)"),
                    Type::List => format!("`{title}` has to be a list"),
                    _ => format!("`{title}` has to be text"),
                };
                self.out.push(diag::bad_call(arg.span, name, &why));
            }
        }
        let ty = match builtin.gives {
            Type::Text | Type::KnownText => Ty::Text(None),
            Type::KnownNumber => Ty::Integer,
            Type::List => Ty::List(Box::new(Ty::Any)),
            Type::Items => Ty::List(Box::new(common(items))),
            Type::Item => common(items),
            Type::Any => Ty::Any,
        };
        Typed { ty, optional, known: matches!(builtin.gives, Type::KnownText | Type::KnownNumber) }
    }

    fn reference(&mut self, scope: &Scope, span: Span, role: &str) -> Typed {
        // What the format offers by itself, such as `AWS::Region`, is no role.
        if role.contains("::") {
            let known = self.rules.target.pseudo();
            if !known.contains(&role) {
                self.out.push(diag::unknown_subject(span, "pseudo parameter", role, &known));
            }
            return Typed::deferred(Ty::Text(None));
        }
        match self.role(scope, span, role) {
            Some((_, inside, conditional)) => {
                let one = Typed { ty: Ty::Given(None), optional: conditional, known: false };
                if inside { one } else { Typed::deferred(Ty::List(Box::new(Ty::Given(None)))) }
            }
            None => Typed::new(Ty::Any),
        }
    }

    pub(super) fn attribute(&mut self, scope: &Scope, span: Span, role: &str, attribute: &str) -> Typed {
        let Some((rule, inside, conditional)) = self.role(scope, span, role) else { return Typed::new(Ty::Any) };
        let (kind, name) = rule;
        let Some(native) = self.rules.provider().native_type(kind, &name) else { return Typed::new(Ty::Any) };
        let Some(shape) = native.attribute(attribute) else {
            self.out.push(diag::unknown_attribute(span, &native.name, attribute, &native.attribute_names()));
            return Typed::new(Ty::Any);
        };
        let one = Typed { ty: Ty::Given(Some(shape)), optional: conditional, known: false };
        if inside { one } else { Typed::deferred(Ty::List(Box::new(one.ty))) }
    }

    /// The native type of a role, whether we stand inside of the loop that makes it (or there is none), and whether it may be absent.
    pub(super) fn role(&mut self, scope: &Scope, span: Span, role: &str) -> Option<((NativeKind, String), bool, bool)> {
        let mut found = Vec::new();
        find_role(&scope.rule.body, role, &mut Vec::new(), &mut Vec::new(), &mut |resource, loops, conditions| {
            found.push(((resource.kind, resource.ty.text.clone()), loops.to_vec(), conditions.to_vec()));
        });
        // Of several arms that make it, the one that we stand in.
        let here = found.iter().position(|(_, _, conditions)| conditions.iter().all(|condition| self.known.contains(condition))).unwrap_or(0);
        let Some((native, loops, conditions)) = (!found.is_empty()).then(|| found.swap_remove(here)) else {
            let mut known = Vec::new();
            each_resource(&scope.rule.body, &mut |resource| known.push(resource.role.text.as_str()));
            self.out.push(diag::unknown_role(span, role, &known));
            return None;
        };
        let names: Vec<&str> = scope.items.iter().map(|(name, _)| name.as_str()).collect();
        let inside = loops.iter().all(|name| names.contains(&name.as_str()));
        let conditional = conditions.iter().any(|condition| !self.known.contains(condition));
        Some((native, inside, conditional))
    }
}

/// What an item of a list is; of what is no list, itself.
fn item_of(ty: &Ty) -> Ty {
    match ty {
        Ty::List(item) => (**item).clone(),
        other => other.clone(),
    }
}

/// What all items are, as far as it matters: lists, single values, or not to be known.
fn common(items: Vec<Ty>) -> Ty {
    let kind = |ty: &Ty| matches!(ty, Ty::List(_));
    let mut items = items.into_iter();
    let Some(first) = items.next() else { return Ty::Any };
    if items.all(|item| kind(&item) == kind(&first)) && kind(&first) { first } else { Ty::Any }
}
