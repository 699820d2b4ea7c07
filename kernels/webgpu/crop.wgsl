{#- Boxes cut out of images and brought to one size: an invocation makes an element, or a vector of channels. -#}
{%- import "macros.wgsl" as m -%}
// Where a new row or column lies among ``old`` ones; the last one lies on the end of the box, without rounding.
fn position(first: f32, last: f32, old: u32, at: u32, new_: u32) -> f32 {
  let span = f32(old - 1u);
  if (new_ == 1u) { return 0.5 * (first + last) * span; }
  if (at == new_ - 1u) { return last * span; }
  return first * span + f32(at) * ((last - first) * span / f32(new_ - 1u));
}
{% if nearest %}
// The same number, but not to a compiler that would cancel sums.
fn opaque(x: f32, none: u32) -> f32 { return bitcast<f32>(bitcast<u32>(x) + none); }
// The nearest pixel. The middle of a box that lies less than a rounding below a half is not rounded up.
fn nearest(at: f32, first: f32, last: f32, new_: u32, none: u32) -> u32 {
  let up = floor(at + 0.5);
  let sum = opaque(first + last, none);
  let back = opaque(sum - first, none);
  let lost = (first - (sum - back)) + (last - back);
  return u32(up - select(0.0, 1.0, new_ == 1u && up == at + 0.5 && lost < 0.0));
}
{% endif %}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let channel = i % s.channels;
  let column = i / s.channels % s.width;
  let row = i / (s.channels * s.width) % s.height;
  let box = i / (s.channels * s.width * s.height);
  let image = bitcast<u32>(which[box]);
  let y = position(boxes[4u * box], boxes[4u * box + 2u], s.h, row, s.height);
  let x = position(boxes[4u * box + 1u], boxes[4u * box + 3u], s.w, column, s.width);
  let exists = image < s.images;
  let inside = (y >= 0.0) & (y <= f32(s.h - 1u)) & (x >= 0.0) & (x <= f32(s.w - 1u));
  if (!(exists & inside)) {
    c[i] = F(select(0.0, bitcast<f32>(s.outside), exists));
    return;
  }
  let first = image * s.h;
{% if nearest %}
  let row0 = nearest(y, boxes[4u * box], boxes[4u * box + 2u], s.height, none);
  let column0 = nearest(x, boxes[4u * box + 1u], boxes[4u * box + 3u], s.width, none);
  let at = (first + row0) * s.w + column0;
  c[i] = a[at * s.channels + channel];
{% else %}
  let top = (first + u32(floor(y))) * s.w;
  let bottom = (first + u32(ceil(y))) * s.w;
  let left = u32(floor(x));
  let right = u32(ceil(x));
  let across = x - floor(x);
  let upper0 = a[(top + left) * s.channels + channel];
  let lower0 = a[(bottom + left) * s.channels + channel];
  let upper = upper0 + (a[(top + right) * s.channels + channel] - upper0) * across;
  let lower = lower0 + (a[(bottom + right) * s.channels + channel] - lower0) * across;
  c[i] = upper + (lower - upper) * (y - floor(y));
{% endif %}
}
