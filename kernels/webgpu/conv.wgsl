{#- Convolution with any window: the product of ``product.wgsl``, tap by tap.

An invocation holds ``rows`` pixels of ``columns`` vectors of outputs. Inputs are read as vectors of ``step`` channels. The
loops over ``unroll_x`` columns of the window and over ``unroll_k`` channels are written out where they are short. -#}
{%- import "macros.wgsl" as m -%}
{% set zero = "F()" if step == 4 else "0.0" %}
{{ m.entry(group) }}
  let first = wg.y * {{ group * rows }}u + lane;
{% for i in range(rows) %}
  let pixel{{ i }} = min(first + {{ i * group }}u, s.m - 1u);
  let y{{ i }} = i32(pixel{{ i }} / s.ox % s.oy * s.ty) - i32(s.top);
  let x{{ i }} = i32(pixel{{ i }} % s.ox * s.tx) - i32(s.left);
  let image{{ i }} = pixel{{ i }} / (s.ox * s.oy) * s.hy;
{% for j in range(columns) %}
  var sum{{ i }}_{{ j }} = F();
{% endfor %}
{% endfor %}
  var at_w = wg.x * s.w_panel;
  for (var ky = 0u; ky < s.ky; ky++) {
{% for kx in range(unroll_x or 1) %}
    {{ "{ let kx = " ~ kx ~ "u;" if unroll_x else "for (var kx = 0u; kx < s.kx; kx++) {" }}
{% for i in range(rows) %}
      let ty{{ i }} = u32(y{{ i }} + i32(ky * s.dy));
      let tx{{ i }} = u32(x{{ i }} + i32(kx * s.dx));
      let in{{ i }} = (ty{{ i }} < s.hy) & (tx{{ i }} < s.hx);
      let a{{ i }} = select(0u, ((image{{ i }} + ty{{ i }}) * s.hx + tx{{ i }}) * s.cin, in{{ i }});
{% endfor %}
{% for k in range(unroll_k or 1) %}
      {{ "{ let k = " ~ k ~ "u;" if unroll_k else "for (var k = 0u; k < s.cin; k++) {" }}
{% for i in range(rows) %}
        let v{{ i }} = select({{ zero }}, a[a{{ i }} + k], in{{ i }});
{% endfor %}
{% for part in range(step) %}
{% for j in range(columns) %}
        { let y = w[at_w + {{ j }}u];
{% for i in range(rows) %}
          sum{{ i }}_{{ j }} += v{{ i }}{{ "." ~ "xyzw"[part] if step == 4 }} * y;
{% endfor %}
        }
{% endfor %}
        at_w += s.w_k;
{% endfor %}
      }
{% endfor %}
    }
{% endfor %}
  }
{% for i in range(rows) %}
  {% if not exact %}if (first + {{ i * group }}u < s.m){% endif %} {
{% for j in range(columns) %}
    {{ m.store("sum" ~ i ~ "_" ~ j, "pixel" ~ i, "(wg.x * " ~ columns ~ "u + " ~ j ~ "u)", kinds, whole) }}
{% endfor %}
  }
{% endfor %}
}
