{#- Writing by index. [count][depth] indices point at slices of ``inner`` elements; what is out of range is left out.

zero: words are set to 0. mark: each slice notes the number of the last update that points at it, from 1 on. put: the
slices that were marked come from the updates, others from ``base``; either may be a ``scalar``. add: updates are added
up in words, floats as ``compare and exchange`` allows it, in no certain order. words: these become the output. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
{% if mode == "zero" %}
  c[i] = 0u;
{% elif mode == "words" %}
  c[i] = {{ "bitcast<" ~ element ~ ">(a[i])" }};
{% elif mode == "put" %}
  let update = marks[i / s.inner];
  let at = {{ "0u" if scalar_updates else "(max(update, 1u) - 1u) * s.inner + i % s.inner" }};
  c[i] = select(base[{{ "0u" if scalar_base else "i" }}], updates[at], update > 0u);
{% else %}
  let first = i / s.inner * {{ depth }}u;
  var at = {{ "i / s.inner / s.slices * s.length" if rows else "0u" }};
  var inside = true;
{% for d in range(depth) %}
  { let index = bitcast<u32>(indices[first + {{ d }}u]);
    inside &= index < s.l{{ d }};
    at += index * s.t{{ d }}; }
{% endfor %}
  if (!inside) { return; }
{% if mode == "mark" %}
  atomicMax(&c[at], i + 1u);
{% else %}
  let value = {{ "updates[i]" if weighted else element ~ "(1)" }};
  let target_at = at * s.inner + i % s.inner;
{% if combine == "max" %}
  atomicMax(&c[target_at], bitcast<u32>(value));
{% elif element == "i32" %}
  atomicAdd(&c[target_at], bitcast<u32>(value));
{% else %}
  var old = atomicLoad(&c[target_at]);
  loop {
    let found = atomicCompareExchangeWeak(&c[target_at], old, bitcast<u32>(bitcast<f32>(old) + value));
    if (found.exchanged) { break; }
    old = found.old_value;
  }
{% endif %}
{% endif %}
{% endif %}
}
