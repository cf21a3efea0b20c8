// Uploads with OkHttp as it comes: java -cp okhttp.jar:okio.jar OkHttpUpload.java TOKEN PHOTO URL…
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import okhttp3.MediaType;
import okhttp3.MultipartBody;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

public class OkHttpUpload {
    static final Pattern ID = Pattern.compile("\"id\":\\s*\"([^\"]*)\"");
    static final Pattern STATUS = Pattern.compile("\"status\":\\s*\"([^\"]*)\"");
    static final OkHttpClient CLIENT = new OkHttpClient();
    static String token;

    public static void main(String[] arguments) throws Exception {
        token = arguments[0];
        byte[] photo = Files.readAllBytes(Path.of(arguments[1]));
        for (String url : List.of(arguments).subList(2, arguments.length)) {
            upload(url, photo);
        }
        CLIENT.dispatcher().executorService().shutdown();
        CLIENT.connectionPool().evictAll();
    }

    static void upload(String url, byte[] photo) throws Exception {
        RequestBody file = RequestBody.create(MediaType.parse("image/jpeg"), photo);
        RequestBody form = new MultipartBody.Builder()
            .setType(MultipartBody.FORM)
            .addFormDataPart("file", "a.jpg", file)
            .build();
        int posted;
        String id;
        try (Response answer = sent(to(url + "/api/image-upload").post(form))) {
            posted = answer.code();
            id = found(ID, answer.body().string());
        }
        String status = "processing";
        while (status.equals("processing")) {
            Thread.sleep(20);
            try (Response answer = sent(to(url + "/api/image-upload/" + id + "/status"))) {
                status = found(STATUS, answer.body().string());
            }
        }
        try (Response answer = sent(to(url + "/api/available-image/" + id + "/download"))) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(answer.body().bytes());
            System.out.printf(
                "%d %s %d %s%n",
                posted, status, answer.code(), HexFormat.of().formatHex(digest));
        }
    }

    static Response sent(Request.Builder request) throws Exception {
        return CLIENT.newCall(request.build()).execute();
    }

    static Request.Builder to(String url) {
        return new Request.Builder().url(url).header("Authorization", "Bearer " + token);
    }

    static String found(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        return matcher.find() ? matcher.group(1) : "none in " + text;
    }
}
