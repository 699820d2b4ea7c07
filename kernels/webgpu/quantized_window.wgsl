{#- A window over each channel of int8: weights (``dot``), the largest (``max``) or a scaled sum (``sum``).

An invocation makes a word of the output: four ``whole`` channels of a pixel, or four bytes that it finds one by one.
Taps outside of the image read ``nothing``: the zero of the activations with weights, else 0. -#}
{%- import "quantized_macros.wgsl" as q -%}
{%- import "macros.wgsl" as m -%}
{% set vector = "vec4<i32>" if whole else "i32" %}
{% macro byte(name, at) %}(bitcast<i32>({{ name }}[({{ at }}) / 4u] << (24u - ({{ at }}) % 4u * 8u)) >> 24u){% endmacro %}
{% if mode == "dot" %}
{{ q.requantize() }}
{% else %}
{{ q.pack() }}
{% endif %}
fn window(cell: u32, channel: u32) -> {{ vector }} {
  let x = i32(cell % s.ox * s.tx) - i32(s.left);
  let y = i32(cell / s.ox % s.oy * s.ty) - i32(s.top);
  let image = cell / (s.ox * s.oy) * s.hy;
  var sum = {{ vector }}({{ -128 if mode == "max" else 0 }});
  for (var ky = 0u; ky < s.ky; ky++) {
    let iy = u32(y + i32(ky * s.dy));
    for (var kx = 0u; kx < s.kx; kx++) {
      let ix = u32(x + i32(kx * s.dx));
      let inside = (iy < s.hy) & (ix < s.hx);
      let at = select(0u, ((image + iy) * s.hx + ix) * s.in_channels + channel / s.multiplier_of, inside);
{% if whole %}
      let v = select(vec4<i32>(bitcast<i32>(s.nothing)), unpack4xI8(a[at]), inside);
{% else %}
      let v = select(bitcast<i32>(s.nothing), {{ byte("a", "at") }}, inside);
{% endif %}
{% if mode == "max" %}
      sum = max(sum, v);
{% elif mode == "sum" %}
      sum += v;
{% elif whole %}
      sum += v * unpack4xI8(w[(ky * s.kx + kx) * s.channels + channel]);
{% else %}
      let at_w = (ky * s.kx + kx) * s.channels + channel;
      sum += v * {{ byte("w", "at_w") }};
{% endif %}
    }
  }
  return sum;
}
fn finish(sum: vec4<i32>{% if mode == "dot" %}, bias: vec4<i32>, multiplier: vec4<i32>{% endif %}) -> u32 {
{% if mode == "dot" %}
  return pack(requantize(sum, bias, multiplier));
{% elif mode == "max" %}
  let bytes = vec4<u32>(sum) & vec4<u32>(255u);
  return pack(vec4<i32>(bytes));
{% else %}
  let scaled = (sum * vec4<i32>(bitcast<i32>(s.multiplier)) + vec4<i32>(bitcast<i32>(s.offset))) >> vec4<u32>(s.shift);
  return pack(clamp(scaled, vec4<i32>(0), vec4<i32>(127)));
{% endif %}
}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
{% if whole %}
  let channel = i % s.channels;
  c[i] = finish(window(i / s.channels, channel){% if mode == "dot" %}, bias[channel], multiplier[channel]{% endif %});
{% else %}
  var sums = vec4<i32>();
{% if mode == "dot" %}
  var biases = vec4<i32>();
  var multipliers = vec4<i32>();
{% endif %}
  for (var e = 0u; e < 4u; e++) {
    let at = min(4u * i + e, s.elements - 1u);
    let channel = at % s.channels;
    sums[e] = window(at / s.channels, channel);
{% if mode == "dot" %}
    biases[e] = bias[channel / 4u][channel % 4u];
    multipliers[e] = multiplier[channel / 4u][channel % 4u];
{% endif %}
  }
  c[i] = finish(sums{% if mode == "dot" %}, biases, multipliers{% endif %});
{% endif %}
}
