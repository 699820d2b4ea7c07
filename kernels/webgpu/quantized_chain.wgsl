{#- Elementwise ops on int8, four at once: to and from float32, and sums of activations with different scales. -#}
{%- import "quantized_macros.wgsl" as q -%}
{%- import "macros.wgsl" as m -%}
{% macro slopes() %}
{%- for q in range(4) -%}
{% set at = "(4u * i + " ~ q ~ "u) % s.channels" %}
slope[({{ at }}) / 4u][({{ at }}) % 4u]{{ ", " if q < 3 }}
{%- endfor -%}
{% endmacro %}
{{ q.pack() }}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
{% if mode == "add" %}
  let sum = unpack4xI8(a[i]) * bitcast<i32>(s.a_multiplier) + unpack4xI8(b[i]) * bitcast<i32>(s.b_multiplier);
  let scaled = (sum + bitcast<i32>(s.offset)) >> vec4<u32>(s.shift);
  c[i] = pack(clamp(scaled, vec4<i32>(0), vec4<i32>(127)));
{% elif mode == "prelu" %}
  let sum = unpack4xI8(a[i]) * bitcast<i32>(s.a_multiplier) + unpack4xI8(b[i]) * bitcast<i32>(s.b_multiplier);
  let wide = (sum + bitcast<i32>(s.offset)) >> vec4<u32>(s.shift);
  let short = clamp(wide, vec4<i32>(-32768), vec4<i32>(32767));
  let slopes = {{ "slope[i % (s.channels / 4u)]" if whole else "vec4<i32>(" ~ slopes() ~ ")" }};
  let sloped = short * select(vec4<i32>(bitcast<i32>(s.positive)), slopes, short < vec4<i32>());
  let scaled = ((sloped + bitcast<i32>(s.rounding)) >> vec4<u32>(s.out_shift)) + bitcast<i32>(s.out_zero);
  c[i] = pack(clamp(scaled, vec4<i32>(0), vec4<i32>(127)));
{% elif mode == "quantize" %}
  let scaled = round(a[i] * bitcast<f32>(s.factor));
  let steps = select(clamp(scaled, F(-127.0), F(127.0)), F(), is_nan(scaled));
  c[i] = pack(clamp(vec4<i32>(steps) + bitcast<i32>(s.zero), vec4<i32>(0), vec4<i32>(127)));
{% else %}
  c[i] = F(unpack4xI8(a[i]) - bitcast<i32>(s.zero)) * bitcast<f32>(s.factor);
{% endif %}
}
