{#- One value where an index points along the new axis of [outer][depth][inner], another elsewhere. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let index = bitcast<u32>(a[i / (s.inner * s.depth) * s.inner + i % s.inner]);
  c[i] = bitcast<{{ element }}>(select(s.off, s.on, index == i / s.inner % s.depth));
}
