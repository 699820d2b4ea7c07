{#- Slices by index: [block][length...][inner] and [block / outer][count][depth] indices to [block][count][inner].

An invocation moves an element, or a vector of four. What is out of range reads 0; ``check.wgsl`` tells it. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let block = i / s.inner / s.slices;
  let first = (block / s.outer * s.slices + i / s.inner % s.slices) * {{ depth }}u;
  var at = block * s.length;
  var inside = true;
{% for d in range(depth) %}
  { let index = bitcast<u32>(indices[first + {{ d }}u]);
    inside &= index < s.l{{ d }};
    at += index * s.t{{ d }}; }
{% endfor %}
  c[i] = select({{ zero }}(), a[select(0u, at * s.inner + i % s.inner, inside)], inside);
}
