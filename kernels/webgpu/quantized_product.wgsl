{#- Convolutions and dense layers on int8: ``c[row][n] = requantize(sum over k of a[row][k] * w[k][n])``.

Four bytes are a word, and a dot product of two words is one instruction where the adapter has it. An invocation makes
words of the output: with ``whole`` channels, ``rows`` rows of one word, which share their weights; else one word
whose four bytes may belong to two rows. With a ``window`` the row of a pixel is read tap by tap, and taps outside of
the image read the zero that activations have. Rows of bytes that are no whole words (``aligned``) are put together
from two words each. Rounding, the zero of the input and the padding of k are in ``bias`` and ``w``. -#}
{%- import "quantized_macros.wgsl" as q -%}
{%- import "macros.wgsl" as m -%}
{{ q.load(aligned) }}
{{ q.requantize() }}
{% if window %}
fn dot_row(row: u32, panel: u32) -> vec4<i32> {
  let y = i32(row / s.ox % s.oy * s.ty) - i32(s.top);
  let x = i32(row % s.ox * s.tx) - i32(s.left);
  let image = row / (s.ox * s.oy) * s.hy;
  var sum = vec4<i32>();
  var at_w = panel;
  for (var ky = 0u; ky < s.ky; ky++) {
    let iy = u32(y + i32(ky * s.dy));
    for (var kx = 0u; kx < s.kx; kx++) {
      let ix = u32(x + i32(kx * s.dx));
      let inside = (iy < s.hy) & (ix < s.hx);
      let first = select(0u, ((image + iy) * s.hx + ix) * s.bytes, inside);
      for (var k = 0u; k < s.words; k++) {
        let v = select(s.nothing, load(first, k), inside);
        sum += dots(v, w[at_w]);
        at_w++;
      }
    }
  }
  return sum;
}
{% endif %}
fn dots(v: u32, y: vec4<u32>) -> vec4<i32> {
  return vec4<i32>(dot4I8Packed(v, y.x), dot4I8Packed(v, y.y), dot4I8Packed(v, y.z), dot4I8Packed(v, y.w));
}
{{ m.entry(group) }}
{% if whole %}
  let channel = wg.x;
  let first = wg.y * {{ group * rows }}u + lane;
  let panel = channel * s.panel;
{% if window %}
{% for i in range(rows) %}
  let sum{{ i }} = dot_row(min(first + {{ i * group }}u, s.m - 1u), panel);
{% endfor %}
{% else %}
{% for i in range(rows) %}
  let at{{ i }} = min(first + {{ i * group }}u, s.m - 1u) * s.bytes;
  var sum{{ i }} = vec4<i32>();
{% endfor %}
  for (var k = 0u; k < s.words; k++) {
    let y = w[panel + k];
{% for i in range(rows) %}
    sum{{ i }} += dots(load(at{{ i }}, k), y);
{% endfor %}
  }
{% endif %}
{% for i in range(rows) %}
  if (first + {{ i * group }}u < s.m) {
    c[(first + {{ i * group }}u) * s.n4 + channel] = pack(requantize(sum{{ i }}, bias[channel], multiplier[channel]));
  }
{% endfor %}
{% else %}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  var made = vec4<i32>();
  for (var e = 0u; e < 4u; e++) {
    let at = min(4u * i + e, s.m * s.n - 1u);
    let row = at / s.n;
    let channel = at % s.n;
    let panel = channel / 4u * s.panel;
{% if window %}
    let sum = dot_row(row, panel);
{% else %}
    var sum = vec4<i32>();
    for (var k = 0u; k < s.words; k++) { sum += dots(load(row * s.bytes, k), w[panel + k]); }
{% endif %}
    made[e] = requantize(sum, bias[channel / 4u], multiplier[channel / 4u])[channel % 4u];
  }
  c[i] = pack(made);
{% endif %}
}
