{# Folds the middle of [outer][n][inner] with a vector instruction. Rows of the inner extent lie `step` floats apart,
   outer slices `pitch` floats. Expression 0 finishes the result (mean, bias, ...). lo..hi are outer slices. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% macro accumulate(type, load, combine, initial) %}
(local.set ${{ type }}_acc {{ initial }})
(local.set $i_p @i_x)
{% call m.repeat("n" ~ type, "#%d" % n) %}
(local.set ${{ type }}_acc ({{ combine }} @{{ type }}_acc ({{ load }} @i_p)))
{{ m.bump("i_p", 4 * step) }}
{% endcall %}
{% endmacro %}
{% call m.for("o", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_o #{{ 4 * pitch }})))
(local.set $i_c (i32.add @c (i32.mul @i_o #{{ 4 * inner }})))
{% if inner == 1 %}
{# Contiguous: two vectors at a time, then lanes, then the rest. #}
(local.set $f_acc (f32.const {{ start }}))
{% set wide = n // (4 * L) %}
{% if wide %}
{% for u in range(4) %}
(local.set $v_a{{ u }} (V.splat (f32.const {{ start }})))
{% endfor %}
{% call m.repeat("w", "#%d" % wide) %}
{% for u in range(4) %}
(local.set $v_a{{ u }} (V.{{ combine }} @v_a{{ u }} (V.load offset={{ VB * u }} @i_x)))
{% endfor %}
{{ m.bump("i_x", 4 * VB) }}
{% endcall %}
(local.set $v_a0 (V.{{ combine }} (V.{{ combine }} @v_a0 @v_a1) (V.{{ combine }} @v_a2 @v_a3)))
{% for lane in range(L) %}
(local.set $f_acc (f32.{{ combine }} @f_acc {{ "@v_a0" if L == 1 else "(f32x4.extract_lane %d @v_a0)" % lane }}))
{% endfor %}
{% endif %}
{% if n % (4 * L) %}
{% call m.repeat("t", "#%d" % (n % (4 * L))) %}
(local.set $f_acc (f32.{{ combine }} @f_acc (f32.load @i_x)))
{{ m.bump("i_x", 4) }}
{% endcall %}
{% endif %}
(f32.store @i_c {{ scalar_expr(0, "@f_acc") }})
{% else %}
{% if inner // L %}
{% call m.repeat("v", "#%d" % (inner // L)) %}
{{ accumulate("v", "V.load", "V." ~ combine, vconst(start_value)) }}
(V.store @i_c {{ expr(0, "@v_acc") }})
{{ m.bump("i_x", VB) }}
{{ m.bump("i_c", VB) }}
{% endcall %}
{% endif %}
{% if inner % L %}
{% call m.repeat("s", "#%d" % (inner % L)) %}
{{ accumulate("f", "f32.load", "f32." ~ combine, "(f32.const %s)" % start) }}
(f32.store @i_c {{ scalar_expr(0, "@f_acc") }})
{{ m.bump("i_x", 4) }}
{{ m.bump("i_c", 4) }}
{% endcall %}
{% endif %}
{% endif %}
{% endcall %}
