{#- Resizing of images by tables of rows and columns: (first old one, second old one, distance from the first). -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let channel = i % s.channels;
  let x = columns[i / s.channels % s.width];
  let y = rows[i / (s.channels * s.width) % s.height];
  let image = i / (s.channels * s.width * s.height) * s.h;
  let top = (image + u32(y.x)) * s.w;
{% if nearest %}
  c[i] = a[(top + u32(x.x)) * s.channels + channel];
{% else %}
  let bottom = (image + u32(y.y)) * s.w;
  let upper0 = F(a[(top + u32(x.x)) * s.channels + channel]);
  let upper1 = F(a[(top + u32(x.y)) * s.channels + channel]);
  let lower0 = F(a[(bottom + u32(x.x)) * s.channels + channel]);
  let lower1 = F(a[(bottom + u32(x.y)) * s.channels + channel]);
  let upper = upper0 + (upper1 - upper0) * x.z;
  let lower = lower0 + (lower1 - lower0) * x.z;
  c[i] = upper + (lower - upper) * y.z;
{% endif %}
}
