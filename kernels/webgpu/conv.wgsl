{#- Convolution with any window: the product of ``product.wgsl``, tap by tap.

An invocation holds ``rows`` pixels of ``columns`` vectors of outputs. Inputs are read as vectors of ``step`` channels. The
loops over ``unroll_x`` columns of the window and over ``unroll_k`` channels are written out where they are short. Of a
``transposed`` one the window goes over the output, whose pixels stand by their phase (z), the remainder by the strides:
those of one phase meet the input with the same taps, and others are passed over. -#}
{%- import "macros.wgsl" as m -%}
{% set zero = "F()" if step == 4 else "0.0" %}
{{ m.entry(group, form == "broadcast") }}
{{ m.tile(form, rows, columns, group, 1) }}
{% for i in range(rows) %}
  let pixel{{ i }} = min(row{{ i }}, s.m - 1u);
{% if transposed %}
  let to_y{{ i }} = pixel{{ i }} / s.qx % s.qy * s.ty + wg.z / s.tx;
  let to_x{{ i }} = pixel{{ i }} % s.qx * s.tx + wg.z % s.tx;
  let y{{ i }} = i32(to_y{{ i }} + s.top);
  let x{{ i }} = i32(to_x{{ i }} + s.left);
  let batch{{ i }} = pixel{{ i }} / (s.qx * s.qy);
  let image{{ i }} = batch{{ i }} * s.hy;
  let target{{ i }} = (batch{{ i }} * s.oy + to_y{{ i }}) * s.ox + to_x{{ i }};
  let reached{{ i }} = (row{{ i }} < s.m) & (to_y{{ i }} < s.oy) & (to_x{{ i }} < s.ox);
{% else %}
  let y{{ i }} = i32(pixel{{ i }} / s.ox % s.oy * s.ty) - i32(s.top);
  let x{{ i }} = i32(pixel{{ i }} % s.ox * s.tx) - i32(s.left);
  let image{{ i }} = pixel{{ i }} / (s.ox * s.oy) * s.hy;
{% endif %}
{% endfor %}
{% set deep = (unroll_k or 1) * step %}
{% if form == "broadcast" %}
{{ m.places(deep, columns) }}
{% endif %}
{% if transposed %}
  let panels = panel;
{% endif %}
  for (var ky = 0u; ky < s.ky + none; ky++) {
{% if transposed %}
    // All rows have the same remainder. That of negative numbers differs among languages of shaders.
    if (u32(y0) % s.ty != ky * s.dy % s.ty) { continue; }
{% endif %}
{% for kx in range(unroll_x or 1) %}
    {{ "{ let kx = " ~ kx ~ "u;" if unroll_x else "for (var kx = 0u; kx < s.kx + none; kx++) {" }}
{% if transposed %}
      if (u32(x0) % s.tx != kx * s.dx % s.tx) { continue; }
      panel = panels + (ky * s.kx + kx) * s.cin * {{ step }}u * s.w_k;
{% endif %}
{% for i in range(rows) %}
{% if transposed %}
      let ty{{ i }} = u32((y{{ i }} - i32(ky * s.dy)) / i32(s.ty));
      let tx{{ i }} = u32((x{{ i }} - i32(kx * s.dx)) / i32(s.tx));
{% else %}
      let ty{{ i }} = u32(y{{ i }} + i32(ky * s.dy));
      let tx{{ i }} = u32(x{{ i }} + i32(kx * s.dx));
{% endif %}
      let in{{ i }} = (ty{{ i }} < s.hy) & (tx{{ i }} < s.hx);
      let a{{ i }} = select(0u, ((image{{ i }} + ty{{ i }}) * s.hx + tx{{ i }}) * s.cin, in{{ i }});
{% endfor %}
{% if form == "broadcast" and unroll_k %}
      {{ m.take(deep, columns) }}
{% endif %}
{% for k in range(unroll_k or 1) %}
      {{ "{ let k = " ~ k ~ "u;" if unroll_k else "for (var k = 0u; k < s.cin + none; k++) {" }}
{% for i in range(rows) %}
        let v{{ i }} = select({{ zero }}, a[a{{ i }} + k], in{{ i }});
{% endfor %}
{% if form == "broadcast" and not unroll_k %}
        {{ m.take(deep, columns) }}
{% endif %}
{% for part in range(step) %}
{% set r = k * step + part %}
{% for j in range(columns) %}
        { let y = {{ m.broadcast(r, j, columns) if form == "broadcast" else "w[panel + shown" ~ j ~ "]" }};
{% for i in range(rows) %}
          sum{{ i }}_{{ j }} += v{{ i }}{{ "." ~ "xyzw"[part] if step == 4 }} * y;
{% endfor %}
        }
{% endfor %}
{% if form != "broadcast" %}
        panel += s.w_k;
{% endif %}
{% endfor %}
      }
{% endfor %}
    }
{% endfor %}
  }
{{ m.store_tile(form, rows, columns, kinds, whole, transposed) }}
}
