{#- Local response: f0 of an element and the sum of the squares of its channel's neighbours, ``radius`` to either side. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let channel = i % s.channels;
  let row = i - channel;
  let first = channel - min(channel, s.radius);
  let last = min(channel + s.radius, s.channels - 1u);
  var sum = 0.0;
  for (var k = first; k <= last + none; k++) { sum += a[row + k] * a[row + k]; }
  c[i] = f0(a[i], sum);
}
