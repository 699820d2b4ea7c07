{# Loops that do nothing but what has a ceiling. lo..hi are rounds. `work`: "flops" keeps `sums` values in registers.
   Fused, each becomes value * x + y. Else every other one is multiplied by x and the rest have y added. "product" is the
   innermost loop of matrix products, `vectors` by `outputs` sums over `k` steps, on data that the first cache holds: a
   real mixture of loads, products and additions keeps more units busy than a loop of registers on some processors.
   "sum" reads `bytes` bytes at a; "copy" reads them at a and writes them at c. What was computed is stored at c, so that
   it must be computed. #}
{% import "macros.wat" as m with context %}
{% set unroll = 16 %}
{% if work == "product" %}
{% set at = range(0, 4 * L * vectors, 4 * L) | list %}
(local.set $i_never (i32.load #0))
{% for i in range(vectors) %}
{% for j in range(outputs) %}
(local.set $v_c{{ i }}_{{ j }} {{ vconst(0) }})
{% endfor %}
{% endfor %}
{% call m.for("round", "@lo", "@hi") %}
(local.set $i_ak @a)
(local.set $i_pk (i32.add @a #{{ 4 * L * k * vectors }}))
{{ m.products(vectors, outputs, at, k, 4 * L * vectors, tile, L) }}
{% endcall %}
{% for i in range(vectors) %}
{% for j in range(outputs) %}
(V.store offset={{ 4 * L * (i * outputs + j) }} @c @v_c{{ i }}_{{ j }})
{% endfor %}
{% endfor %}
{% else %}
{% if work == "flops" %}
(local.set $v_x (V.splat_load @a))
(local.set $v_y (V.splat_load offset=4 @a))
{% endif %}
{% if work != "copy" %}
{% for i in range(sums) %}
(local.set $v_s{{ i }} {{ vconst(0) }})
{% endfor %}
{% endif %}
{% call m.for("round", "@lo", "@hi") %}
{% if work == "flops" %}
{% for u in range(unroll) %}
{% for i in range(sums) %}
{% if relaxed %}
(local.set $v_s{{ i }} (f32x4.relaxed_madd @v_s{{ i }} @v_x @v_y))
{% else %}
(local.set $v_s{{ i }} {{ "(V.mul @v_s%d @v_x)" % i if i % 2 else "(V.add @v_s%d @v_y)" % i }})
{% endif %}
{% endfor %}
{% endfor %}
{% else %}
(local.set $i_a @a)
(local.set $i_c @c)
{% call m.repeat("x", "#%d" % (bytes // (4 * L * unroll))) %}
{% for u in range(unroll) %}
{% if work == "sum" %}
(local.set $v_s{{ u % sums }} (V.add @v_s{{ u % sums }} (V.load offset={{ 4 * L * u }} @i_a)))
{% else %}
(V.store offset={{ 4 * L * u }} @i_c (V.load offset={{ 4 * L * u }} @i_a))
{% endif %}
{% endfor %}
{{ m.bump("i_a", 4 * L * unroll) }}
{{ m.bump("i_c", 4 * L * unroll) }}
{% endcall %}
{% endif %}
{% endcall %}
{% if work != "copy" %}
{% for i in range(1, sums) %}
(local.set $v_s0 (V.add @v_s0 @v_s{{ i }}))
{% endfor %}
(V.store @c @v_s0)
{% endif %}
{% endif %}
