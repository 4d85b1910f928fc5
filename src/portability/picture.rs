//! The stack as a picture: frames around what names them, the rest in columns beside, lines for what leads where.

use super::html::escape;
use super::{Report, links, word};
use crate::check::{Model, ResourceId};
use std::collections::HashMap;

const BOX_WIDTH: usize = 148;
const BOX_HEIGHT: usize = 40;
const GAP_X: usize = 56;
const GAP_Y: usize = 14;
const MARGIN: usize = 16;
const TITLE: usize = 24;

/// Where a node stands: its upper left corner.
type Spots = HashMap<usize, (usize, usize)>;

/// An SVG of the stack, each node in the colour of the worst that happens to it on the report's target.
pub(super) fn picture(model: &Model, report: &Report) -> String {
    let count = model.resources.len();
    let to: Vec<Vec<usize>> = model.resources.iter().map(|resource| links(resource).into_iter().map(|(ResourceId(to), _)| to).collect()).collect();
    let is_frame = |index: usize| model.resources.get(index).is_some_and(|resource| resource.ty.frame);
    let frame_of = |index: usize| to.get(index).and_then(|to| to.iter().copied().find(|to| is_frame(*to)));
    let layers = layers(&to, &is_frame);

    let mut spots: Spots = HashMap::new();
    let mut frames: Vec<(usize, usize, usize, usize, usize)> = Vec::new();
    let (mut y, mut right) = (MARGIN, MARGIN);
    for frame in (0..count).filter(|index| is_frame(*index)) {
        let members: Vec<usize> = (0..count).filter(|index| frame_of(*index) == Some(frame)).collect();
        let (width, height) = columns(&members, &layers, MARGIN * 2, y + TITLE + GAP_Y, &mut spots);
        let (width, height) = (width.max(BOX_WIDTH) + MARGIN * 2, height + TITLE + GAP_Y * 2);
        frames.push((frame, MARGIN, y, width, height));
        right = right.max(MARGIN + width);
        y += height + GAP_Y * 2;
    }
    let rest: Vec<usize> = (0..count).filter(|index| !is_frame(*index) && frame_of(*index).is_none()).collect();
    let left = if frames.is_empty() { MARGIN } else { right + GAP_X };
    let (width, height) = columns(&rest, &layers, left, MARGIN + TITLE, &mut spots);
    let (width, height) = ((left + width).max(right) + MARGIN, y.max(MARGIN + TITLE + height) + MARGIN);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"The stack {}\">\n<defs><marker id=\"arrow-{target}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" class=\"tip\"/></marker></defs>\n",
        escape(&model.name),
        target = escape(&report.target),
    );
    for (frame, x, y, width, height) in frames {
        let (title, class) = label(model, report, frame);
        svg.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"10\" class=\"frame {class}\"/><text x=\"{}\" y=\"{}\" class=\"title\">{title}</text>\n",
            x + MARGIN,
            y + TITLE
        ));
    }
    for (from, targets) in to.iter().enumerate() {
        for to in targets.iter().filter(|to| !is_frame(**to)) {
            if let (Some(&(x1, y1)), Some(&(x2, y2))) = (spots.get(&from), spots.get(to)) {
                svg.push_str(&format!("<path d=\"{}\" class=\"link\" marker-end=\"url(#arrow-{})\"/>\n", curve((x1, y1), (x2, y2)), escape(&report.target)));
            }
        }
    }
    let mut placed: Vec<(&usize, &(usize, usize))> = spots.iter().collect();
    placed.sort();
    for (index, (x, y)) in placed {
        let (title, class) = label(model, report, *index);
        svg.push_str(&format!(
            "<g><title>{title}: {class}</title><rect x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\" class=\"node {class}\"/><text x=\"{}\" y=\"{}\" class=\"type\">{}</text><text x=\"{}\" y=\"{}\">{}</text></g>\n",
            x + 10,
            y + 16,
            model.resources.get(*index).map(|resource| escape(&resource.ty.name)).unwrap_or_default(),
            x + 10,
            y + 32,
            model.resources.get(*index).map(|resource| escape(&short(&resource.name.text))).unwrap_or_default(),
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

/// A name that fits into its box.
fn short(name: &str) -> String {
    if name.chars().count() <= 18 { name.to_owned() } else { name.chars().take(17).chain(['…']).collect() }
}

fn label(model: &Model, report: &Report, index: usize) -> (String, &'static str) {
    let Some(resource) = model.resources.get(index) else { return (String::new(), "exact") };
    let node = report.nodes.iter().find(|node| node.name == resource.name.text);
    (escape(&format!("{} {}", resource.ty.name, resource.name.text)), word(node.and_then(super::Node::worst)))
}

/// How many steps each node is from those that nothing leads to.
fn layers(to: &[Vec<usize>], is_frame: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let mut layers = vec![0; to.len()];
    // A stack has no circles of references, so as many rounds as there are nodes are enough, and few are needed.
    for _ in 0..to.len() {
        let mut moved = false;
        for (from, targets) in to.iter().enumerate() {
            let next = layers.get(from).copied().unwrap_or(0) + 1;
            for target in targets.iter().filter(|target| !is_frame(**target)) {
                if let Some(layer) = layers.get_mut(*target).filter(|layer| **layer < next && next <= to.len()) {
                    *layer = next;
                    moved = true;
                }
            }
        }
        if !moved {
            break;
        }
    }
    layers
}

/// Places nodes in columns by their layer; the width and height that they take.
fn columns(members: &[usize], layers: &[usize], left: usize, top: usize, spots: &mut Spots) -> (usize, usize) {
    let mut used: Vec<usize> = members.iter().filter_map(|index| layers.get(*index).copied()).collect();
    used.sort_unstable();
    used.dedup();
    let mut tallest = 0;
    for (column, layer) in used.iter().enumerate() {
        let inside = members.iter().filter(|index| layers.get(**index) == Some(layer));
        for (row, index) in inside.enumerate() {
            spots.insert(*index, (left + column * (BOX_WIDTH + GAP_X), top + row * (BOX_HEIGHT + GAP_Y)));
            tallest = tallest.max(row + 1);
        }
    }
    (used.len() * BOX_WIDTH + used.len().saturating_sub(1) * GAP_X, tallest * (BOX_HEIGHT + GAP_Y))
}

/// A line from one box to another: out of the side that faces it.
fn curve((x1, y1): (usize, usize), (x2, y2): (usize, usize)) -> String {
    let (middle1, middle2) = (y1 + BOX_HEIGHT / 2, y2 + BOX_HEIGHT / 2);
    if x2 >= x1 + BOX_WIDTH {
        let bend = ((x2 - x1 - BOX_WIDTH) / 2).max(12);
        format!("M{} {middle1}C{} {middle1} {} {middle2} {x2} {middle2}", x1 + BOX_WIDTH, x1 + BOX_WIDTH + bend, x2 - bend)
    } else if x1 >= x2 + BOX_WIDTH {
        let bend = ((x1 - x2 - BOX_WIDTH) / 2).max(12);
        format!("M{x1} {middle1}C{} {middle1} {} {middle2} {} {middle2}", x1 - bend, x2 + BOX_WIDTH + bend, x2 + BOX_WIDTH)
    } else {
        let side = x1.max(x2) + BOX_WIDTH;
        format!("M{} {middle1}C{} {middle1} {} {middle2} {} {middle2}", x1 + BOX_WIDTH, side + 28, side + 28, x2 + BOX_WIDTH)
    }
}
