{# `on` at each index along a new middle axis of [outer][depth][inner], `off` elsewhere: words, or bytes (`item` 1). Where
   the new axis is the last one, all is `off` first (`eight` bytes of it), then each row gets its one.
   lo..hi are indices. #}
{% import "macros.wat" as m with context %}
{% set store = "i32.store8" if item == 1 else "i32.store" %}
{% if inner == 1 %}
(local.set $i_to (i32.add @c (i32.mul @lo #{{ depth * item }})))
(local.set $i_end (i32.add @c (i32.mul @hi #{{ depth * item }})))
{% set piece = 32 if L > 1 else 16 %}
(block $E_off (loop $L_off
(br_if $E_off (i32.gt_u (i32.add @i_to #{{ piece }}) @i_end))
{% for at in range(0, piece, 4 * L if L > 1 else 8) %}
{% if L > 1 %}
(v128.store offset={{ at }} @i_to (v128.const i64x2 {{ eight }} {{ eight }}))
{% else %}
(i64.store offset={{ at }} @i_to (i64.const {{ eight }}))
{% endif %}
{% endfor %}
{{ m.bump("i_to", piece) }}
(br $L_off)))
(block $E_rest (loop $L_rest
(br_if $E_rest (i32.ge_u @i_to @i_end))
({{ store }} @i_to #{{ off }})
{{ m.bump("i_to", item) }}
(br $L_rest)))
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_index (i32.load (i32.add @x (i32.shl @i_u #2))))
(if (i32.lt_u @i_index #{{ depth }}) (then
({{ store }} (i32.add @c (i32.mul (i32.add (i32.mul @i_u #{{ depth }}) @i_index) #{{ item }})) #{{ on }})))
{% endcall %}
{% else %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_index (i32.load (i32.add @x (i32.shl @i_u #2))))
(local.set $i_to (i32.add @c (i32.mul (i32.add (i32.mul (i32.div_u @i_u #{{ inner }}) #{{ depth * inner }}) (i32.rem_u @i_u #{{ inner }})) #{{ item }})))
{% call m.for("k", "#0", "#%d" % depth) %}
({{ store }} @i_to (select #{{ on }} #{{ off }} (i32.eq @i_k @i_index)))
{{ m.bump("i_to", item * inner) }}
{% endcall %}
{% endcall %}
{% endif %}
