//! One resource's nodes to its record of values.

use super::{About, Accept, Checker, Field, Named, ParamId, Record, Resource, ResourceId, Value, formats};
use crate::diag::{check as diag, expand as forms};
use crate::expand::NAMED;
use crate::portable::{Block, Format, Kind, PortableType, Property, Relation};
use crate::source::Span;
use crate::syntax::{self, Ident, Node, Scalar};
use std::rc::Rc;

/// Every resource takes these besides what its type says.
const COMMON: [&str; 2] = ["tags", "accept"];

/// A property as written: inline (`storage=20`), positional (`80`) or as a child (`storage 20`).
enum Written<'n> {
    Inline(Ident, &'n syntax::Value),
    Child(&'n Node),
}

impl Written<'_> {
    fn name(&self) -> &Ident {
        match self {
            Written::Inline(name, _) => name,
            Written::Child(node) => &node.name,
        }
    }

    fn span(&self) -> Span {
        match self {
            Written::Inline(_, value) => value.span,
            Written::Child(node) => node.span,
        }
    }
}

impl Checker<'_> {
    pub(super) fn read_resource(&mut self, name: Ident, ty: Rc<PortableType>, node: &Node) -> Resource {
        if node.tag() == Some(super::existing::FORM) {
            return self.read_existing(name, ty, node);
        }
        let of = format!("the {} `{}`", ty.name, name.text);
        let mut tags = Vec::new();
        let mut accepts = Vec::new();
        for child in node.children() {
            match child.name.text.as_str() {
                "tags" => tags.extend(self.read_map(child, "tags", false)),
                "accept" => accepts.extend(self.read_accept(child)),
                _ => {}
            }
        }
        let args: Vec<&syntax::Value> = node.args.iter().skip(1).collect();
        let span = node.span;
        let values = self.read_record(&of, &ty.properties, node, &args, &COMMON, span);
        self.check_constraints(&of, &ty.constraints.iter().map(|c| (&c.rule, c.why.as_str())).collect::<Vec<_>>(), &values);
        Resource { name, ty, values, tags, accepts, found: None, span }
    }

    pub(super) fn read_accept(&mut self, node: &Node) -> Option<Accept> {
        // Checked where it was handed over.
        if node.tag() == Some(NAMED) {
            let about = node.arg_str(1).map_or(About::Whole, |name| About::Property(name.to_owned()));
            return Some(Accept { about, target: None, reason: node.arg_str(0).unwrap_or_default().trim().to_owned(), span: node.span });
        }
        if node.arg_str(0).is_none_or(|reason| reason.trim().is_empty()) {
            self.out.push(diag::missing_property(node.span, "reason", "`accept`", "why the loss does no harm here, in a sentence"));
        }
        for (key, _) in node.props.iter().filter(|(key, _)| key.text != "target") {
            self.out.push(diag::unknown_property(key.span, &key.text, "`accept`", &["target"]));
        }
        for extra in node.args.iter().skip(1) {
            self.out.push(diag::too_many_values(extra.span, "accept", "one reason"));
        }
        if let Some(tag) = &node.tag {
            self.out.push(diag::unknown_form(tag.span, &tag.text));
        }
        for child in node.children() {
            self.out.push(diag::unknown_property(child.name.span, &child.name.text, "`accept`", &["target"]));
        }
        let reason = node.arg_str(0).unwrap_or_default().trim().to_owned();
        match node.prop("target") {
            None => Some(Accept { about: About::All, target: None, reason, span: node.span }),
            Some(value) => match value.as_str().filter(|_| value.tag.is_none()) {
                Some(text) => {
                    let target = Some(Ident { text: text.to_owned(), span: value.span });
                    Some(Accept { about: About::All, target, reason, span: node.span })
                }
                None => {
                    self.out.push(diag::wrong_type(value.span, "target", "the name of a target", value.scalar.kind()));
                    None
                }
            },
        }
    }

    /// Values of properties that nobody gave.
    pub(super) fn defaults(&self, fields: &[Property], span: Span) -> Record {
        let mut record = Record { span, ..Record::default() };
        for property in fields {
            if let Some(default) = &property.default {
                record.fields.push((property.name.clone(), default_field(property, default, span)));
            }
        }
        record
    }

    fn read_record(&mut self, of: &str, fields: &[Property], node: &Node, args: &[&syntax::Value], common: &[&str], span: Span) -> Record {
        let (mut record, given) = self.read_given(of, fields, node, args, common, span);
        self.finish_record(of, fields, &given, &mut record);
        record
    }

    /// What is written of a record, without what the spec adds; and the names of all that was, refused or not.
    pub(super) fn read_given(
        &mut self,
        of: &str,
        fields: &[Property],
        node: &Node,
        args: &[&syntax::Value],
        common: &[&str],
        span: Span,
    ) -> (Record, Vec<(String, Span)>) {
        let mut written: Vec<Written<'_>> = Vec::new();
        let mut positional = fields.iter().filter(|property| property.positional);
        for value in args {
            match positional.next() {
                Some(property) => written.push(Written::Inline(Ident { text: property.name.clone(), span: value.span }, value)),
                None => {
                    let named: Vec<&str> = fields.iter().filter(|property| property.positional).map(|property| property.name.as_str()).collect();
                    let wanted =
                        if named.is_empty() { "its properties by name only".to_owned() } else { format!("{} without a name", crate::diag::list(named)) };
                    self.out.push(diag::too_many_values(value.span, of, &wanted));
                }
            }
        }
        written.extend(node.props.iter().map(|(key, value)| Written::Inline(key.clone(), value)));
        written.extend(node.children().iter().filter(|child| !common.contains(&child.name.text.as_str())).map(Written::Child));

        let mut record = Record { span, ..Record::default() };
        let mut given: Vec<(String, Span)> = Vec::new();
        let mut meant: Vec<(String, Span)> = Vec::new();
        for entry in &written {
            let name = entry.name();
            let candidates: Vec<&Property> = fields.iter().filter(|property| property.name == name.text).collect();
            let Some(property) = candidates.first().copied() else {
                let known: Vec<&str> = fields.iter().map(|property| property.name.as_str()).chain(common.iter().copied()).collect();
                self.out.push(diag::unknown_property(name.span, &name.text, of, &known));
                // What was meant is not missing as well.
                meant.extend(crate::diag::did_you_mean(&name.text, known.iter().copied()).map(|other| (other.to_owned(), name.span)));
                continue;
            };
            if let Written::Child(Node { tag: Some(tag), .. }) = entry {
                self.out.push(diag::unknown_form(tag.span, &tag.text));
            }
            let repeatable = matches!(&property.kind, Kind::Block(Block { many: true, .. }) | Kind::Map { .. });
            let before = given.iter().find(|(other, _)| *other == name.text).map(|(_, span)| *span);
            given.push((name.text.clone(), name.span));
            if let (false, Some(first)) = (repeatable, before) {
                self.out.push(diag::duplicate_property(name.span, &name.text, first));
                continue;
            }
            if let Some(field) = self.read_written(of, &candidates, property, entry) {
                merge(&mut record, &property.name, field);
            }
        }
        given.extend(meant);
        (record, given)
    }

    /// Adds defaults, reports what is missing and doubled, and puts the fields into the spec's order.
    fn finish_record(&mut self, of: &str, fields: &[Property], given: &[(String, Span)], record: &mut Record) {
        let mut sorted: Vec<(String, Field)> = Vec::with_capacity(fields.len());
        for property in fields {
            if sorted.iter().any(|(name, _)| *name == property.name) {
                continue;
            }
            if let Some(index) = record.fields.iter().position(|(name, _)| *name == property.name) {
                sorted.push(record.fields.swap_remove(index));
            } else if given.iter().any(|(name, _)| *name == property.name) {
                record.refused.push(property.name.clone());
            } else if let Some(default) = &property.default {
                sorted.push((property.name.clone(), default_field(property, default, record.span)));
            } else if property.required {
                self.out.push(diag::missing_property(record.span, &property.name, of, &property.about));
            }
        }
        for (name, field) in &mut sorted {
            let Some(property) = fields.iter().find(|property| property.name == *name) else { continue };
            match &mut field.value {
                Value::Blocks(records) => {
                    let name = |record: &Record| record.to.and_then(|to| self.declared.get(to.0)).map(|to| to.name.text.clone());
                    records.sort_by(|a, b| (natural(&a.key), name(a)).cmp(&(natural(&b.key), name(b))));
                    for pair in records.windows(2) {
                        let [first, second] = pair else { continue };
                        if first.key == second.key && first.to == second.to {
                            let (first, second) = if first.span <= second.span { (first, second) } else { (second, first) };
                            let shown = second.key.trim_start_matches(' ');
                            let shown = if shown.is_empty() { property.name.as_str() } else { shown };
                            self.out.push(diag::duplicate_key(second.span, &property.name, shown, first.span));
                        }
                    }
                }
                Value::Map(items) => {
                    items.sort_by(|a, b| a.0.cmp(&b.0));
                    for pair in items.windows(2) {
                        let [first, second] = pair else { continue };
                        if first.0 == second.0 {
                            let (first, second) = if first.1.span <= second.1.span { (first, second) } else { (second, first) };
                            self.out.push(diag::duplicate_property(second.1.span, &second.0, first.1.span));
                        }
                    }
                    items.dedup_by(|a, b| a.0 == b.0);
                }
                _ => {}
            }
        }
        record.fields = sorted;
    }

    fn read_written(&mut self, of: &str, candidates: &[&Property], property: &Property, entry: &Written<'_>) -> Option<Field> {
        let name = &property.name;
        match (&property.kind, entry) {
            (Kind::Block(_), Written::Inline(_, value)) => {
                self.out.push(diag::wrong_type(value.span, name, "a node of its own, with its properties behind it or in braces", value.scalar.kind()));
                None
            }
            (Kind::Block(block), Written::Child(node)) => {
                let record = if block.edge.is_some() { self.read_edge(of, candidates, node)? } else { self.read_block(of, property, block, node) };
                let value = if block.many { Value::Blocks(vec![record]) } else { Value::Block(record) };
                Some(Field { value, span: node.span, given: true })
            }
            (Kind::Map { secrets }, Written::Child(node)) => {
                let items = self.read_map(node, name, *secrets);
                Some(Field { value: Value::Map(items), span: node.span, given: true })
            }
            (Kind::Map { .. }, Written::Inline(_, value)) => {
                self.out.push(diag::wrong_type(value.span, name, "a node of its own with `NAME=value` behind it", value.scalar.kind()));
                None
            }
            (Kind::List(format), Written::Child(node)) => {
                self.no_props_or_children(node, name);
                if node.args.is_empty() {
                    self.out.push(diag::wrong_type(node.span, name, "one or several texts", "empty"));
                    return None;
                }
                let mut items: Vec<Field> = Vec::new();
                for value in &node.args {
                    let Some(item) = self.list_item(property, value, *format) else { continue };
                    if let (true, Value::Text(text)) = (property.distinct, &item.value)
                        && let Some(first) = items.iter().find(|other| matches!(&other.value, Value::Text(other) if other == text))
                    {
                        self.out.push(diag::duplicate_key(value.span, name, text, first.span));
                    }
                    items.push(item);
                }
                Some(Field { value: Value::List(items), span: node.span, given: true })
            }
            (Kind::List(format), Written::Inline(_, value)) => {
                let item = self.list_item(property, value, *format)?;
                Some(Field { value: Value::List(vec![item]), span: value.span, given: true })
            }
            (_, Written::Inline(_, value)) => self.read_scalar(property, value),
            (kind, Written::Child(node)) => {
                self.no_props_or_children(node, name);
                if let Some(extra) = node.args.get(1) {
                    self.out.push(diag::too_many_values(extra.span, name, "one value"));
                }
                match (node.args.first(), kind) {
                    (Some(value), _) => self.read_scalar(property, value),
                    (None, Kind::Bool) => Some(Field { value: Value::Bool(true), span: entry.span(), given: true }),
                    (None, _) => {
                        self.out.push(diag::wrong_type(entry.span(), name, &wanted(property), "empty"));
                        None
                    }
                }
            }
        }
    }

    fn list_item(&mut self, property: &Property, value: &syntax::Value, format: Format) -> Option<Field> {
        let field = self.text_value(value, &property.name, format, false)?;
        self.known_if_needed(property, &field, value.span).then_some(field)
    }

    pub(super) fn no_props_or_children(&mut self, node: &Node, name: &str) {
        for (key, _) in &node.props {
            self.out.push(diag::unknown_property(key.span, &key.text, &format!("`{name}`"), &[]));
        }
        for child in node.children() {
            self.out.push(diag::unknown_property(child.name.span, &child.name.text, &format!("`{name}`"), &[]));
        }
    }

    fn read_block(&mut self, of: &str, property: &Property, block: &Block, node: &Node) -> Record {
        let args: Vec<&syntax::Value> = node.args.iter().collect();
        let of = format!("`{}` of {of}", property.name);
        let mut record = self.read_record(&of, &block.fields, node, &args, &[], node.span);
        record.key = key_of(block, &record);
        self.check_constraints(&of, &block.constraints.iter().map(|c| (&c.rule, c.why.as_str())).collect::<Vec<_>>(), &record);
        record
    }

    /// An edge names another resource first; its type decides which edge of that name it is.
    fn read_edge(&mut self, of: &str, candidates: &[&Property], node: &Node) -> Option<Record> {
        let edges: Vec<(&Property, &Block, &str)> = candidates
            .iter()
            .filter_map(|property| match &property.kind {
                Kind::Block(block) => block.edge.as_ref().map(|edge| (*property, block, edge.to.as_str())),
                _ => None,
            })
            .collect();
        let types: Vec<String> = edges.iter().map(|(_, _, to)| (*to).to_owned()).collect();
        let Some(first) = node.args.first() else {
            self.out.push(diag::missing_property(
                node.span,
                "name",
                &format!("`{}` of {of}", node.name.text),
                &format!("the {} it leads to", types.join(" or ")),
            ));
            return None;
        };
        let id = self.reference(first, &types)?;
        let to = self.declared.get(id.0).map(|declared| declared.ty.name.clone())?;
        let (property, block, _) = edges.into_iter().find(|(_, _, ty)| *ty == to)?;
        let args: Vec<&syntax::Value> = node.args.iter().skip(1).collect();
        let of = format!("`{}` of {of}", property.name);
        let mut record = self.read_record(&of, &block.fields, node, &args, &[], node.span);
        record.to = Some(id);
        record.key = key_of(block, &record);
        self.check_constraints(&of, &block.constraints.iter().map(|c| (&c.rule, c.why.as_str())).collect::<Vec<_>>(), &record);
        Some(record)
    }

    pub(super) fn read_map(&mut self, node: &Node, name: &str, secrets: bool) -> Vec<(String, Field)> {
        let mut items = Vec::new();
        for value in &node.args {
            self.out.push(diag::too_many_values(value.span, name, "`NAME=value`, as often as needed"));
        }
        let mut keys: Vec<Ident> = Vec::new();
        for (key, value) in &node.props {
            keys.push(key.clone());
            if let Some(field) = self.text_value(value, &key.text, Format::Any, secrets) {
                items.push((key.text.clone(), field));
            }
        }
        for child in node.children() {
            self.no_props_or_children(child, &child.name.text);
            keys.push(child.name.clone());
            match child.args.as_slice() {
                [value] => items.extend(self.text_value(value, &child.name.text, Format::Any, secrets).map(|field| (child.name.text.clone(), field))),
                [] => self.out.push(diag::wrong_type(child.span, &child.name.text, "a value", "empty")),
                [_, extra, ..] => self.out.push(diag::too_many_values(extra.span, &child.name.text, "one value")),
            }
        }
        for key in keys.iter().filter(|key| name == "env" && !formats::is_variable(&key.text)) {
            self.out.push(diag::bad_format(
                key.span,
                name,
                "names of letters, digits and `_`",
                &format!("`{}` is no name of an environment variable", key.text),
            ));
        }
        // The keys of a property are compared when all of its nodes are there.
        if name == "tags" {
            self.unique_keys(&keys);
        }
        items
    }

    fn read_scalar(&mut self, property: &Property, value: &syntax::Value) -> Option<Field> {
        let field = match &property.kind {
            Kind::String(format) => self.text_value(value, &property.name, *format, false)?,
            Kind::Secret => self.secret_value(property, value)?,
            Kind::Ref(types) => {
                let id = self.reference(value, types)?;
                Field { value: Value::Resource(id), span: value.span, given: true }
            }
            _ if value.tag.is_some() => self.tagged(value, &property.name, false)?,
            _ => Field { value: self.plain_scalar(property, &value.scalar, value.span)?, span: value.span, given: true },
        };
        if !self.known_if_needed(property, &field, value.span) {
            return None;
        }
        if matches!(property.kind, Kind::Integer { .. } | Kind::Number { .. }) {
            let text = match &field.value {
                // Clouds hand over even a number as text, and its range could not be checked.
                Value::Output(id, name) => self.declared.get(id.0).map(|of| format!("`{}.{name}`, which is known only when deployed", of.name.text)),
                Value::Joined(_) => Some("a `(fmt)`, which is text".to_owned()),
                _ => None,
            };
            if let Some(text) = text {
                self.out.push(diag::wrong_type(value.span, &property.name, &wanted(property), &text));
                return None;
            }
        }
        if let (Value::Param(id), false) = (&field.value, matches!(property.kind, Kind::Secret)) {
            self.check_param_fits(property, *id, value.span);
        }
        if let (Value::Text(text), Some((widest, narrowest))) = (&field.value, property.prefixes)
            && let Ok(cidr) = formats::Cidr::parse(text)
            && !(widest..=narrowest).contains(&cidr.prefix)
        {
            self.out.push(diag::range_size(value.span, cidr.prefix, widest, narrowest));
        }
        Some(field)
    }

    fn known_if_needed(&mut self, property: &Property, field: &Field, span: Span) -> bool {
        let what = match &field.value {
            Value::Param(id) => self.model.params.get(id.0).map(|param| format!("the parameter `{}`", param.name.text)),
            Value::Output(id, output) => self.declared.get(id.0).map(|declared| format!("`{}.{output}`", declared.name.text)),
            Value::Joined(_) => Some("this text".to_owned()),
            _ => None,
        };
        match what {
            Some(what) if property.known_when_building() => {
                self.out.push(diag::not_known(span, &property.name, &what));
                false
            }
            _ => true,
        }
    }

    /// A parameter stands for a value of the property, so its type and its default have to fit.
    fn check_param_fits(&mut self, property: &Property, id: ParamId, span: Span) {
        let Some(param) = self.model.params.get(id.0).cloned() else { return };
        let numeric = matches!(property.kind, Kind::Integer { .. } | Kind::Number { .. });
        if numeric && !param.number {
            let what = format!("`{}`, a parameter of text: declare it with `type=int`", param.name.text);
            self.out.push(diag::wrong_type(span, &property.name, &wanted(property), &what));
        } else if let Some((default, at)) = param.default
            && (numeric || matches!((&property.kind, &default), (Kind::String(_), Scalar::String(_))))
        {
            self.plain_scalar(property, &default, at);
        }
    }

    fn plain_scalar(&mut self, property: &Property, scalar: &Scalar, span: Span) -> Option<Value> {
        let name = &property.name;
        let unit = property.unit.as_deref();
        match (&property.kind, scalar) {
            (Kind::Bool, Scalar::Bool(flag)) => Some(Value::Bool(*flag)),
            (Kind::Integer { min, max }, Scalar::Integer(number)) => {
                if !(min..=max).contains(&number) {
                    self.out.push(diag::out_of_range(span, name, &number.to_string(), &min.to_string(), &max.to_string(), unit));
                    return None;
                }
                Some(Value::Integer(*number))
            }
            // The reader keeps a whole number beyond 64 bits as one with a fraction.
            (Kind::Integer { min, max }, Scalar::Float(number)) if number.fract() == 0.0 && number.abs() >= 9e18 => {
                self.out.push(diag::out_of_range(span, name, &format!("{number:e}"), &min.to_string(), &max.to_string(), unit));
                None
            }
            (Kind::Number { min, max }, Scalar::Integer(_) | Scalar::Float(_)) => {
                #[allow(clippy::cast_precision_loss)]
                let number = match scalar {
                    Scalar::Integer(number) => *number as f64,
                    Scalar::Float(number) => *number,
                    _ => return None,
                };
                if !(*min..=*max).contains(&number) {
                    let shown = if number.abs() < 1e9 { number.to_string() } else { format!("{number:e}") };
                    self.out.push(diag::out_of_range(span, name, &shown, &min.to_string(), &max.to_string(), unit));
                    return None;
                }
                Some(Value::Number(number))
            }
            (Kind::Enum(values), Scalar::String(text)) => {
                if values.iter().any(|(value, _)| value == text) {
                    return Some(Value::Text(text.clone()));
                }
                let values: Vec<&str> = values.iter().map(|(value, _)| value.as_str()).collect();
                self.out.push(diag::not_one_of(span, name, text, &values));
                None
            }
            (Kind::String(format), Scalar::String(text)) => match formats::check(*format, text) {
                Ok(()) => Some(Value::Text(text.clone())),
                Err(why) => {
                    self.out.push(diag::bad_format(span, name, formats::wanted(*format), &why));
                    None
                }
            },
            _ => {
                self.out.push(diag::wrong_type(span, name, &wanted(property), scalar.kind()));
                None
            }
        }
    }

    /// Text, plain or with values in it. Numbers and booleans are taken as their text where anything goes, as in `env PORT=80`.
    pub(super) fn text_value(&mut self, value: &syntax::Value, name: &str, format: Format, secrets: bool) -> Option<Field> {
        if value.tag.is_some() {
            let field = self.tagged(value, name, secrets)?;
            // Of a text with values in it, the beginning may be known.
            let known = match (format, &field.value) {
                (Format::Path, Value::Joined(pieces)) => pieces.first().map(|piece| &piece.value),
                // Of these, nothing that another resource gives can be a part.
                (Format::Handle | Format::Statuses | Format::Version | Format::Method | Format::Cidr, Value::Joined(pieces)) => {
                    pieces.iter().map(|piece| &piece.value).find(|piece| matches!(piece, Value::Output(..)))
                }
                _ => Some(&field.value),
            };
            match known {
                Some(Value::Text(first)) if format == Format::Path && !first.starts_with('/') => {
                    self.out.push(diag::bad_format(value.span, name, formats::wanted(format), "a path starts with `/`"));
                    return None;
                }
                Some(Value::Output(id, output)) if !self.output_fits(*id, output, format) => {
                    let of = self.declared.get(id.0).map(|of| of.name.text.as_str()).unwrap_or_default();
                    let got = format!("`{of}.{output}`, which may look otherwise");
                    self.out.push(diag::wrong_type(value.span, name, formats::wanted(format), &got));
                    return None;
                }
                _ => return Some(field),
            }
        }
        let lenient = format == Format::Any && name != "command";
        let text = match &value.scalar {
            Scalar::String(text) => text.clone(),
            Scalar::Integer(number) if lenient => number.to_string(),
            Scalar::Float(number) if lenient => number.to_string(),
            Scalar::Bool(flag) if lenient => flag.to_string(),
            other => {
                self.out.push(diag::wrong_type(value.span, name, formats::wanted(format), other.kind()));
                return None;
            }
        };
        if let Err(why) = formats::check(format, &text) {
            self.out.push(diag::bad_format(value.span, name, formats::wanted(format), &why));
            return None;
        }
        Some(Field { value: Value::Text(text), span: value.span, given: true })
    }

    /// Whether an output looks as a property wants it: what is known only when deployed can be checked by no pattern.
    fn output_fits(&self, id: ResourceId, output: &str, format: Format) -> bool {
        let free = matches!(format, Format::Any | Format::Image);
        free || self.declared.get(id.0).and_then(|of| of.ty.output(output)).is_none_or(|output| output.format == format)
    }

    fn tagged(&mut self, value: &syntax::Value, name: &str, secrets: bool) -> Option<Field> {
        let tag = value.tag.as_ref()?;
        let Some(text) = value.as_str() else {
            self.out.push(diag::wrong_type(value.span, &format!("({})", tag.text), "text behind it", value.scalar.kind()));
            return None;
        };
        match tag.text.as_str() {
            "get" => self.get(text, value.span, name, secrets),
            "fmt" => self.fmt(text, value.parts.as_deref(), value.span, name),
            other => {
                self.out.push(diag::unknown_form(tag.span, other));
                None
            }
        }
    }

    /// `(get)param` or `(get)resource.output`.
    fn get(&mut self, path: &str, span: Span, place: &str, secrets: bool) -> Option<Field> {
        let (head, output) = path.split_once('.').map_or((path, None), |(head, output)| (head, Some(output)));
        if let Some(at) = self.absent.get(head).filter(|_| !self.names.contains_key(head)) {
            self.out.push(forms::absent(span, head, *at));
            return None;
        }
        let Some((named, _)) = self.names.get(head).copied() else {
            let known: Vec<&str> = self.names.keys().map(String::as_str).collect();
            let mut known = known;
            known.sort_unstable();
            self.out.push(diag::unknown_name(span, head, "parameter or resource", &known));
            return None;
        };
        let value = match (named, output) {
            (Named::Param(id), None) => {
                let param = self.model.params.get_mut(id.0)?;
                param.used = true;
                if !param.secret {
                    Value::Param(id)
                } else if secrets {
                    Value::Output(self.keeper_of(id), "value".to_owned())
                } else {
                    let what = format!("the parameter `{}`", param.name.text);
                    self.out.push(diag::secret_leak(span, &what, &format!("`{place}`")));
                    return None;
                }
            }
            (Named::Broken, _) => return None,
            (Named::Param(_), Some(output)) => {
                self.out.push(diag::unknown_output(span, head, "parameter", Some(output), &[]));
                return None;
            }
            (Named::Resource(id), output) => {
                let ty = self.declared.get(id.0).map(|declared| Rc::clone(&declared.ty))?;
                let known: Vec<&str> = ty.outputs.iter().filter(|output| !output.by_edges).map(|output| output.name.as_str()).collect();
                let Some(found) = output.and_then(|output| ty.output(output)).filter(|output| !output.by_edges) else {
                    self.out.push(diag::unknown_output(span, head, &ty.name, output, &known));
                    return None;
                };
                if found.secret && !secrets {
                    self.out.push(diag::secret_leak(span, &format!("`{head}.{}`", found.name), &format!("`{place}`")));
                    return None;
                }
                Value::Output(id, found.name.clone())
            }
        };
        Some(Field { value, span, given: true })
    }

    fn keeper_of(&mut self, id: ParamId) -> ResourceId {
        let next = ResourceId(self.declared.len() + self.keepers.len());
        *self.keepers.entry(id).or_insert(next)
    }

    fn secret_value(&mut self, property: &Property, value: &syntax::Value) -> Option<Field> {
        let named = value.as_str().and_then(|text| self.names.get(text)).map(|(named, _)| *named);
        match (value.tag(), named) {
            (Some("get"), Some(Named::Param(id))) => {
                let param = self.model.params.get_mut(id.0)?;
                param.used = true;
                if !param.secret {
                    let what = format!("the parameter `{}`, which is not secret: declare it with `secret=#true`", param.name.text);
                    self.out.push(diag::wrong_type(value.span, &property.name, "a secret parameter", &what));
                    return None;
                }
                Some(Field { value: Value::Param(id), span: value.span, given: true })
            }
            (Some("get"), None) => {
                // A path that leads nowhere says so itself; one that leads to an output is no parameter.
                if self.get(value.as_str().unwrap_or_default(), value.span, &property.name, true).is_some() {
                    self.out.push(diag::wrong_type(value.span, &property.name, "a secret parameter, as in `(get)token`", "an output of another resource"));
                }
                None
            }
            (None, _) => {
                self.out.push(diag::secret_leak(value.span, &format!("`{}`", property.name), "this file"));
                None
            }
            (Some(_), _) => {
                self.out.push(diag::wrong_type(value.span, &property.name, "a secret parameter, as in `(get)token`", "something else"));
                None
            }
        }
    }

    /// `(fmt)"text {get-path} text"`; a doubled brace is a brace.
    fn fmt(&mut self, text: &str, parts: Option<&[syntax::Part]>, span: Span, place: &str) -> Option<Field> {
        let pieces = match parts {
            Some(parts) => Ok(parts.iter().map(Piece::of).collect()),
            None => split_fmt(text),
        };
        let pieces = match pieces {
            Ok(pieces) => pieces,
            Err(why) => {
                self.out.push(diag::bad_fmt(span, why));
                return None;
            }
        };
        let mut fields = Vec::new();
        let mut whole = true;
        for piece in pieces {
            match piece {
                Piece::Text(text) => fields.push(Field { value: Value::Text(text), span, given: true }),
                Piece::Path(path) => match self.get(&path, span, place, false) {
                    Some(field) => fields.push(field),
                    None => whole = false,
                },
            }
        }
        if !whole {
            return None;
        }
        let value = match fields.as_slice() {
            [] => Value::Text(String::new()),
            [Field { value: Value::Text(text), .. }] => Value::Text(text.clone()),
            _ => Value::Joined(fields),
        };
        Some(Field { value, span, given: true })
    }

    /// The resource that a value names, if it is of one of the types.
    fn reference(&mut self, value: &syntax::Value, types: &[String]) -> Option<ResourceId> {
        let wanted = types.join(" or ");
        let Some(name) = value.as_str().filter(|_| value.tag.is_none()) else {
            self.out.push(diag::wrong_type(
                value.span,
                "reference",
                &format!("the plain name of a {wanted}"),
                value.tag().map_or(value.scalar.kind(), |_| "a form in parentheses"),
            ));
            return None;
        };
        match self.names.get(name).copied() {
            Some((Named::Resource(id), span)) => {
                let is = self.declared.get(id.0).map(|declared| declared.ty.name.clone())?;
                if types.contains(&is) {
                    return Some(id);
                }
                self.out.push(diag::wrong_reference(value.span, name, &is, &wanted, span));
                None
            }
            Some((Named::Param(_), span)) => {
                self.out.push(diag::wrong_reference(value.span, name, "parameter", &wanted, span));
                None
            }
            Some((Named::Broken, _)) => None,
            None if types.iter().any(|ty| self.nameless.contains(ty)) => None,
            None if self.absent.contains_key(name) => {
                self.out.push(forms::absent(value.span, name, self.absent.get(name).copied().unwrap_or_default()));
                None
            }
            None => {
                let known: Vec<&str> =
                    self.declared.iter().filter(|declared| types.contains(&declared.ty.name)).map(|declared| declared.name.text.as_str()).collect();
                self.out.push(diag::unknown_name(value.span, name, &wanted, &known));
                None
            }
        }
    }

    fn check_constraints(&mut self, of: &str, constraints: &[(&Relation, &str)], record: &Record) {
        let given = |name: &str| record.get(name).filter(|field| !matches!(field.value, Value::Bool(false)));
        for (relation, why) in constraints {
            match relation {
                Relation::Needs(property, value, needed) => {
                    let Some(field) = given(property) else { continue };
                    let applies = match (value, &field.value) {
                        (Some(value), Value::Text(text)) => value == text,
                        (Some(_), _) => false,
                        (None, _) => field.given,
                    };
                    if applies && given(needed).is_none() && !record.refused.contains(needed) {
                        let what = value.as_ref().map_or_else(|| format!("`{property}`"), |value| format!("`{property}` {value}"));
                        let span = if field.given { field.span } else { record.span };
                        self.out.push(diag::constraint(span, format!("{what} needs `{needed}`"), why, format!("give {of} a `{needed}`")));
                    }
                }
                Relation::Forbids(property, value, other) => {
                    let applies = matches!(given(property).map(|field| &field.value), Some(Value::Text(text)) if text == value);
                    if let Some(field) = given(other).filter(|field| field.given && applies) {
                        let message = format!("`{property}` {value} takes no `{other}`");
                        self.out.push(diag::constraint(field.span, message, why, format!("remove `{other}`, or change `{property}`")));
                    }
                }
                Relation::Excludes(a, b) => {
                    if let (Some(first), Some(second)) = (given(a).filter(|field| field.given), given(b).filter(|field| field.given)) {
                        let diagnostic = diag::constraint(second.span, format!("`{a}` and `{b}` exclude each other"), why, "keep one of the two".to_owned());
                        self.out.push(diagnostic.related(first.span, "the other"));
                    }
                }
                Relation::Below(a, b) => {
                    if let (Some(first), Some(second)) = (record.get(a), record.get(b))
                        && let (Value::Integer(low), Value::Integer(high)) = (&first.value, &second.value)
                        && low >= high
                    {
                        let span = if second.given { second.span } else { record.span };
                        self.out.push(diag::constraint(span, format!("`{a}` is {low}, and `{b}` {high}"), why, format!("raise `{b}` or lower `{a}`")));
                    }
                }
                Relation::AtMost(a, b) => {
                    if let (Some(first), Some(second)) = (record.get(a), record.get(b))
                        && let (Value::Integer(low), Value::Integer(high)) = (&first.value, &second.value)
                        && low > high
                    {
                        let diagnostic =
                            diag::constraint(second.span, format!("`{a}` is {low}, and `{b}` only {high}"), why, format!("raise `{b}` or lower `{a}`"));
                        self.out.push(diagnostic.related(first.span, format!("`{a}`")));
                    }
                }
                Relation::Within(property, zone) => {
                    let Some(Field { value: Value::Resource(id), .. }) = record.get(zone) else { continue };
                    let Some((domain, at)) = self.declared.get(id.0).and_then(|zone| domain_of(&zone.node)) else { continue };
                    let names = match record.get(property) {
                        Some(field @ Field { value: Value::Text(_), .. }) => std::slice::from_ref(field),
                        Some(Field { value: Value::List(items), .. }) => items,
                        _ => continue,
                    };
                    for field in names {
                        if let Value::Text(name) = &field.value
                            && *name != domain
                            && !name.ends_with(&format!(".{domain}"))
                        {
                            let message = format!("`{name}` does not lie in the zone of `{domain}`");
                            let diagnostic = diag::constraint(field.span, message, why, format!("give a name that ends with `.{domain}`, or another zone"));
                            self.out.push(diagnostic.related(at, "the zone"));
                        }
                    }
                }
                // Of several resources; see `relations`.
                Relation::Unique { .. } | Relation::Alone { .. } | Relation::SomeWithout(..) | Relation::OtherHas(_) | Relation::NotBeside(_) => {}
                Relation::DnsValues(values, kind) => {
                    let (Some(Field { value: Value::List(values), .. }), Some(Field { value: Value::Text(kind), .. })) = (record.get(values), record.get(kind))
                    else {
                        continue;
                    };
                    for field in values {
                        // These have a form of several words, which no output of a resource has.
                        if matches!(kind.as_str(), "MX" | "CAA") && matches!(field.value, Value::Output(..)) {
                            self.out.push(diag::bad_format(field.span, "values", &format!("what a record of type {kind} holds"), "an output is one word only"));
                        }
                        if let Value::Text(text) = &field.value
                            && let Err(reason) = formats::dns_value(kind, text)
                        {
                            self.out.push(diag::bad_format(field.span, "values", &format!("what a record of type {kind} holds"), &reason));
                        }
                    }
                    if kind == "CNAME" {
                        if let Some(second) = values.get(1) {
                            self.out.push(diag::too_many_values(second.span, "values", "one name for a CNAME record"));
                        }
                        if let Some(Field { value: Value::Text(label), span, given }) = record.get("label")
                            && label == "@"
                        {
                            let span = if *given { *span } else { record.span };
                            let message = "a CNAME record cannot stand at the zone itself".to_owned();
                            self.out.push(diag::constraint(span, message, "the zone's own name has other records already", "give it a `label`".to_owned()));
                        }
                    }
                }
            }
        }
    }
}

/// The domain that a resource's node gives, when it is plain text.
fn domain_of(node: &Node) -> Option<(String, Span)> {
    let inline = node.prop("domain");
    let child = node.children().iter().find(|child| child.name.text == "domain").and_then(|child| child.args.first());
    let value = inline.or(child).filter(|value| value.tag.is_none())?;
    value.as_str().filter(|text| formats::check(Format::Domain, text).is_ok()).map(|text| (text.to_owned(), value.span))
}

/// A piece of a `(fmt)` text.
pub enum Piece {
    /// Plain text.
    Text(String),
    /// What stands in braces.
    Path(String),
}

impl Piece {
    fn of(part: &syntax::Part) -> Piece {
        match part {
            syntax::Part::Text(text) => Piece::Text(text.clone()),
            syntax::Part::Path(path) => Piece::Path(path.clone()),
        }
    }
}

/// Cuts a `(fmt)` text into its pieces.
pub fn split_fmt(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' if chars.peek() == Some(&'{') => {
                chars.next();
                plain.push('{');
            }
            '}' if chars.peek() == Some(&'}') => {
                chars.next();
                plain.push('}');
            }
            '}' => return Err("a `}` closes nothing"),
            '{' => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                let mut path = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some('{') | None => return Err("a `{` is not closed"),
                        Some(c) => path.push(c),
                    }
                }
                if path.trim().is_empty() {
                    return Err("nothing stands in the braces");
                }
                pieces.push(Piece::Path(path.trim().to_owned()));
            }
            other => plain.push(other),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn default_field(property: &Property, default: &Scalar, span: Span) -> Field {
    #[allow(clippy::cast_precision_loss)]
    let value = match (default, &property.kind) {
        (Scalar::String(text), _) => Value::Text(text.clone()),
        (Scalar::Integer(number), Kind::Number { .. }) => Value::Number(*number as f64),
        (Scalar::Integer(number), _) => Value::Integer(*number),
        (Scalar::Float(number), _) => Value::Number(*number),
        (Scalar::Bool(flag), _) => Value::Bool(*flag),
        (Scalar::Null, _) => Value::Text(String::new()),
    };
    Field { value, span, given: false }
}

/// Adds a repeated property's value to what is there.
fn merge(record: &mut Record, name: &str, field: Field) {
    if let Some((_, there)) = record.fields.iter_mut().find(|(other, _)| other == name) {
        match (&mut there.value, field.value) {
            (Value::Blocks(all), Value::Blocks(more)) => all.extend(more),
            (Value::Map(all), Value::Map(more)) => all.extend(more),
            (slot, value) => *slot = value,
        }
    } else {
        record.fields.push((name.to_owned(), field));
    }
}

/// The key field's values that are no defaults, which tell a record from its siblings.
fn key_of(block: &Block, record: &Record) -> String {
    let Some(key) = &block.key else { return String::new() };
    let mut parts = Vec::new();
    for name in key.split(' ') {
        // A default says nothing, whether it was written or not.
        let default = block.fields.iter().find(|field| field.name == name).and_then(|field| field.default.as_ref()).filter(|_| key.contains(' '));
        parts.push(match record.get(name).map(|field| &field.value) {
            Some(Value::Text(text)) if !matches!(default, Some(Scalar::String(default)) if default == text) => text.clone(),
            Some(Value::Integer(number)) => number.to_string(),
            _ => String::new(),
        });
    }
    parts.join(" ")
}

/// Orders `80` before `443`, and text by its letters.
fn natural(key: &str) -> (u64, &str) {
    (key.parse().unwrap_or(u64::MAX), key)
}

/// What a property takes, with its article.
pub fn wanted(property: &Property) -> String {
    match &property.kind {
        Kind::String(format) | Kind::List(format) => formats::wanted(*format).to_owned(),
        Kind::Integer { .. } => "a whole number".to_owned(),
        Kind::Number { .. } => "a number".to_owned(),
        Kind::Bool => "`#true` or `#false`".to_owned(),
        Kind::Enum(values) => crate::diag::list(values.iter().map(|(value, _)| value)),
        Kind::Ref(types) => format!("the name of a {}", types.join(" or ")),
        Kind::Map { .. } => "`NAME=value`".to_owned(),
        Kind::Secret => "a secret parameter".to_owned(),
        Kind::Block(_) => "a node of its own".to_owned(),
    }
}
