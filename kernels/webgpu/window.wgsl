{#- A window over each channel: weights, maximum (also of ``whole`` numbers) or mean. An invocation computes ``tile`` neighbours of one row.

``a`` is read once for all taps that need it. Invocations of a workgroup are neighbours along the cells of the image
(``by_pixels``) or along the channels. -#}
{%- import "macros.wgsl" as m -%}
{% set offsets = [] %}
{% for t in range(tile) %}{% for k in range(kw) %}
{% if t * tx + k * dx not in offsets %}{% do offsets.append(t * tx + k * dx) %}{% endif %}
{% endfor %}{% endfor %}
{% set nothing = "F()" if combine != "max" else "(-I(2147483647) - I(1))" if whole else "F(-bitcast<f32>(inf_bits))" %}
{{ m.entry(group) }}
  let along = wg.x * {{ group }}u + lane;
  let across = wg.y + wg.z * 65535u;
  let cell = min({{ "along" if by_pixels else "across" }}, s.cells - 1u);
  let channel = min({{ "across" if by_pixels else "along" }}, s.channels - 1u);
  let from_channel = {{ "channel" if lanes > 1 else "channel / s.multiplier" }};
  let ox = cell % s.across * {{ tile }}u;
  let oy = cell / s.across % s.oy;
  let image = cell / (s.across * s.oy);
  let x = i32(ox * {{ tx }}u) - i32(s.left);
{% for t in range(tile) %}
  var sum{{ t }} = {{ nothing }};
{% if combine == "mean" %}
  var count{{ t }} = 0.0;
{% endif %}
{% endfor %}
{% for o in offsets %}
  let in{{ o }} = u32(x + {{ o }}) < s.hx;
{% endfor %}
  for (var ky = 0u; ky < s.ky + none; ky++) {
    let iy = u32(i32(oy * s.ty + ky * s.dy) - i32(s.top));
    let inside = iy < s.hy;
    let row = (image * s.hy + iy) * s.hx;
{% for o in offsets %}
    let ok{{ o }} = inside & in{{ o }};
    let v{{ o }} = select(
      {{ nothing }}, a[select(0u, (row + u32(x + {{ o }})) * s.in_channels + from_channel, ok{{ o }})], ok{{ o }});
{% endfor %}
{% for k in range(kw) %}
{% if combine == "madd" %}
    let w{{ k }} = w[(ky * {{ kw }}u + {{ k }}u) * s.channels + channel];
{% endif %}
{% for t in range(tile) %}
{% set o = t * tx + k * dx %}
{% if combine == "madd" %}
    sum{{ t }} += v{{ o }} * w{{ k }};
{% elif combine == "max" %}
    sum{{ t }} = {{ "max(sum%d, v%d)" % (t, o) if whole else "select(sum%d, v%d, v%d > sum%d)" % (t, o, o, t) }};
{% else %}
    sum{{ t }} += v{{ o }};
    count{{ t }} += select(0.0, 1.0, ok{{ o }});
{% endif %}
{% endfor %}
{% endfor %}
  }
  if ({{ "along < s.cells" if by_pixels else "along < s.channels" }} && across < {{ "s.channels" if by_pixels else "s.cells" }}) {
{% for t in range(tile) %}
    if (ox + {{ t }}u < s.ox) {
      let at = ((image * s.oy + oy) * s.ox + ox + {{ t }}u) * s.channels + channel;
      c[at] = f0(sum{{ t }}{{ " / count" ~ t if combine == "mean" }}{% for kind in kinds %}, {{ m.operand(loop.index0, kind, "at", "channel", lanes) }}{% endfor %});
    }
{% endfor %}
  }
}
