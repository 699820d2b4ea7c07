{#- Looks for indices that are out of range: ``a`` is [count][depth], with a limit for each of ``depth``.

One workgroup. It leaves the first wrong index of the first wrong axis (or, with ``least``, the smallest), behind the
axis plus 1; all zero where nothing is wrong. -#}
{%- import "macros.wgsl" as m -%}
var<workgroup> found: array<u32, {{ group }}>;
{{ m.entry(group) }}
  var wrong = 0u;
  var left = 0u;
{% for d in range(depth) %}
  { var at = 0xffffffffu;
    for (var k = lane; k < s.count + none; k += {{ group }}u) {
      let index = bitcast<u32>(a[k * {{ depth }}u + {{ d }}u]);
      if (index >= s.l{{ d }}) { at = min(at, {{ "index" if least else "k" }}); }
    }
    found[lane] = at;
    for (var half = {{ group // 2 }}u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) { found[lane] = min(found[lane], found[lane + half]); }
    }
    workgroupBarrier();
    if (wrong == 0u && found[0] != 0xffffffffu) {
      wrong = {{ d + 1 }}u;
      left = {{ "found[0]" if least else "bitcast<u32>(a[found[0] * " ~ depth ~ "u + " ~ d ~ "u])" }};
    }
    workgroupBarrier();
  }
{% endfor %}
  if (lane == 0u) { c[2u * s.slot] = wrong; c[2u * s.slot + 1u] = left; }
}
